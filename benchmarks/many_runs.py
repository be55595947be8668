"""Overview, its first page in Chromium, and `runs list`, with thousands of runs and their jobs in the store.

`python -m benchmarks.many_runs` measures each several times, in seconds and in seconds of processor time, which other
processes do not lengthen much. `first` has no caches, as after the start; `again` is the next rerun or visit.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import psutil  # type: ignore[import-untyped]
import streamlit as st
import typer

from benchmarks import homes, pages
from benchmarks.browser import VIEWPORT, chromium, running
from benchmarks.common import machine, write_json
from roboreg_core.runs.spec import KIND
from roboreg_core.ui import shared_state

GOAL_FIRST, GOAL_AGAIN = 2.0, 0.3

Figures = dict[str, float]


def main(
    runs: Annotated[int, typer.Option(help="Number of runs in the store.")] = 10_000,
    repeats: Annotated[int, typer.Option(help="Measurements of each figure.")] = 5,
    quick: Annotated[bool, typer.Option("--quick", help="Few runs, once: only tests this script.")] = False,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
) -> None:
    """Measure and print one line per figure."""
    runs, repeats = (20, 1) if quick else (runs, repeats)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["ROBOREG_HOME"] = folder
        store = homes.open_store(home)
        examples = len(store.list_records(KIND, ()))
        homes.add_finished_jobs(store, homes.add_runs(store, runs - examples))
        store.close()
        figures = {"script": _script(repeats), "browser": _browser(home, repeats), "list": _list(repeats)}
    for name, each in figures.items():
        print(f"{name}: " + ", ".join(f"{key} {value:.2f}" for key, value in each.items()))
    print("; ".join(f"{name} {value}" for name, value in machine().items()))
    goals = {"goal_first": GOAL_FIRST, "goal_again": GOAL_AGAIN}
    write_json(json, {"runs": runs, "repeats": repeats, **goals, **figures})


def _script(repeats: int) -> Figures:
    """Overview's script in Streamlit's test harness, without an engine."""
    shared_state.start_engine = lambda store: pages.NoEngine()  # type: ignore[assignment,return-value]
    shared_state.HEAD_START_SECONDS = 0.0
    app = pages.open_page("overview", {})
    first: list[tuple[float, float]] = []
    again: list[tuple[float, float]] = []
    for _ in range(repeats):
        pages.clear_caches()
        first.append(_timed(lambda: pages.run(app)))
        again.append(_timed(lambda: pages.run(app)))
    st.cache_resource.clear()
    return {**_medians("first", first), **_medians("again", again)}


def _browser(home: Path, repeats: int) -> Figures:
    """From opening Overview to its table and chart in Chromium, with the server's processor time."""
    first: list[tuple[float, float]] = []
    again: list[tuple[float, float]] = []
    for _ in range(repeats):
        with running(None, home) as address, chromium() as browser:
            server = next(each for each in psutil.Process().children() if "streamlit" in " ".join(each.cmdline()))

            def visit(address: str = address, browser: Any = browser) -> None:
                page = browser.new_page(viewport=VIEWPORT)
                page.goto(address)
                page.locator(".st-key-chart-tradeoff :is(svg, canvas)").first.wait_for(timeout=300_000)
                page.locator(".st-key-runs-table canvas").first.wait_for(timeout=300_000)

            for times in (first, again):
                times.append(_timed(visit, server))
    return {**_medians("first", first), **_medians("again", again)}


def _list(repeats: int) -> Figures:
    """`runs list --json` in a separate process, with its memory in MB."""
    command = [sys.executable, "-m", "roboreg_core", "runs", "list", "--json"]
    times = []
    for _ in range(repeats):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        times.append((time.perf_counter() - started, processor))
    code = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
    code += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    kilobytes = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)
    return {**_medians("once", times), "memory_mb": int(kilobytes.stdout) / 1e3}


def _timed(work: Callable[[], Any], process: Any = None) -> tuple[float, float]:
    """Seconds of the work, and processor seconds of `process` (None: this one) meanwhile."""
    used = process or psutil.Process()
    started, before = time.perf_counter(), sum(used.cpu_times()[:2])
    work()
    return time.perf_counter() - started, sum(used.cpu_times()[:2]) - before


def _medians(name: str, times: list[tuple[float, float]]) -> Figures:
    seconds, processor = zip(*times, strict=True)
    return {f"{name}_s": statistics.median(seconds), f"{name}_processor_s": statistics.median(processor)}


if __name__ == "__main__":
    typer.run(main)
