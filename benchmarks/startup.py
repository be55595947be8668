"""How long the dashboard takes to start, to show its first page and to be ready for a run, and what it takes at rest.

`python -m benchmarks.startup` starts it on an empty home and opens it in Chromium. There is no rival: these are plain
figures of this machine.
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


def main(json: Annotated[Path | None, typer.Option(help="Write the figures here as well.")] = None) -> None:
    """Measure once and print one line."""
    figures = measure()
    write_json(json, figures)
    print(
        f"server ready {figures['server_s']:.1f} s; first page {figures['first_page_s']:.1f} s and a run can be "
        f"started {figures['usable_s']:.1f} s after that; server memory {figures['memory_mb']:.0f} MB; "
        f"at rest it and its workers take {figures['rest_share']:.1%} of a core"
    )


def measure() -> dict[str, float]:
    """Seconds until the server answers, then until the first page and the Start button stand.

    Then memory in MB, and what share of one core the server and its workers take while an open page asks for nothing.
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
    """What the server and its workers have taken by now."""
    times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
    return sum(time.user + time.system for time in times)


if __name__ == "__main__":
    typer.run(main)
