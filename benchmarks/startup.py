"""Time until the dashboard responds, shows its first page and can start a run; memory and idle load.

`python -m benchmarks.startup` starts it with an empty home and opens it in Chromium; there is no reference.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import psutil  # type: ignore[import-untyped]
import typer

from benchmarks.browser import VIEWPORT, chromium, running
from benchmarks.common import write_json

SETTLE_SECONDS, REST_SECONDS = 10.0, 20.0


def main(json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None) -> None:
    """Measure once and print one line."""
    figures = measure()
    write_json(json, figures)
    print(
        f"server ready {figures['server_s']:.1f} s; first page {figures['first_page_s']:.1f} s and a run can be "
        f"started {figures['usable_s']:.1f} s after that; server memory {figures['memory_mb']:.0f} MB; "
        f"at rest it and its workers take {figures['rest_share']:.1%} of a core"
    )


def measure() -> dict[str, float]:
    """Return the seconds until the server responds, then until the first page and until Start is enabled.

    Then memory in MB, and the share of one core that server and workers use while a page is open and idle.
    """
    with chromium() as browser:
        page = browser.new_page(viewport=VIEWPORT)
        started = time.perf_counter()
        with running(None) as address:
            ready = time.perf_counter()
            page.goto(address)
            page.locator(".st-key-runs-table").wait_for()
            first = time.perf_counter()
            page.goto(f"{address}/design")
            page.locator(".st-key-start button, .st-key-open-run button").wait_for(timeout=120_000)
            usable = time.perf_counter()
            page.goto(f"{address}/jobs")
            time.sleep(SETTLE_SECONDS)  # the worker process is still starting
            children = psutil.Process().children()
            server = next(each for each in children if "streamlit" in " ".join(each.cmdline()))
            memory = server.memory_info().rss / 1e6
            before = _processor_seconds(server)
            time.sleep(REST_SECONDS)
            rest = (_processor_seconds(server) - before) / REST_SECONDS
    return {
        "server_s": ready - started,
        "first_page_s": first - ready,
        "usable_s": usable - ready,
        "memory_mb": memory,
        "rest_share": rest,
    }


def _processor_seconds(server: psutil.Process) -> float:
    """Return the processor seconds of the server and its workers so far."""
    times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
    return sum(time.user + time.system for time in times)


if __name__ == "__main__":
    typer.run(main)
