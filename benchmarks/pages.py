"""Duration of each page's script with up to 10,000 runs and their jobs in the store, and 16 compared runs.

`python -m benchmarks.pages` opens every page and tab in Streamlit's test harness with temporary homes. `first` is a run
without caches, as after the start: it also reads the store; `again` is the next rerun. Drawing in the browser is not
included. No worker runs.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.testing.v1 import AppTest

from benchmarks import homes
from benchmarks.common import machine, write_json
from roboreg_core import paths
from roboreg_core.jobs.request_queue import PendingRequest
from roboreg_core.jobs.task import Request
from roboreg_core.runs.spec import KIND
from roboreg_core.ui import shared_state

GOAL_SECONDS, GOAL_RUNS = 1.5, 200
SIZES = (6, 200, 1_000, 10_000)


class NoEngine:
    """A substitute for the job engine: the queue is empty, and a requested preview stays pending."""

    def position(self, job_id: str) -> None:
        """No job."""

    def request(self, request: Request) -> PendingRequest:
        """A request that stays pending."""
        return PendingRequest(request)

    def withdraw(self, channel: str) -> None:
        """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds of one view's script: the first run, and median and extremes of the following ones."""

    view: str
    runs: int
    first: float
    median: float
    low: float
    high: float


def main() -> None:
    """Measure, print a table and whether the goal was reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--only", help="the name of one page")
    parser.add_argument("--profile", action="store_true", help="print where the first run of each view spends its time")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    chosen = parser.parse_args()
    shared_state.start_engine = lambda store: NoEngine()  # type: ignore[assignment,return-value]
    shared_state.HEAD_START_SECONDS = 0.0
    timings = [timing for size in chosen.sizes for timing in _measure(size, chosen)]
    _show(timings)
    views = [asdict(each) for each in timings]
    write_json(chosen.json, {"goal_seconds": GOAL_SECONDS, "goal_runs": GOAL_RUNS, "views": views})


def _measure(size: int, chosen: Any) -> list[Timing]:
    with tempfile.TemporaryDirectory() as home:
        os.environ["ROBOREG_HOME"] = home
        store = homes.open_store(Path(home))
        recorded = [record.id for record in store.list_records(KIND)]
        made = homes.add_runs(store, max(0, size - len(recorded)))
        homes.add_finished_jobs(store, made)
        runs = [*made, *recorded][:size]
        shared_state.backend().loaded.wait()
        views = [view for page in homes.navigation() if chosen.only in (None, page) for view in _views(page, runs)]
        found = [_time(page, query, size, chosen) for page, query in views]
        st.cache_resource.clear()
        return found


def _views(page: str, runs: list[str]) -> list[tuple[str, dict[str, str]]]:
    """Return the page's views: one per tab."""
    query = homes.query(page, runs)
    tabs = dict.fromkeys(tab.label for tab in open_page(page, query).tabs)
    return [(page, {**query, homes.tab_key(page): tab}) for tab in tabs] or [(page, query)]


def open_page(page: str, query: dict[str, str]) -> AppTest:
    """Open a page in the test harness."""
    app = AppTest.from_file(str(paths.PROJECT / "app.py"), default_timeout=300)
    app.run()
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page(f"pages/{page}.py")
    return run(app)


def run(app: AppTest) -> AppTest:
    """Rerun the script. Raises `RuntimeError`: it ended with an exception."""
    app.run()
    if app.exception:
        raise RuntimeError(f"a page must run without an exception, got {app.exception[0].message}")
    return app


def _time(page: str, query: dict[str, str], size: int, chosen: Any) -> Timing:
    app = open_page(page, query)
    clear_caches()
    first = _seconds(app, profile=chosen.profile)
    times = [_seconds(app) for _ in range(chosen.repeats)]
    tab = query.get(homes.tab_key(page))
    view = page if tab is None else f"{page}, {tab}"
    return Timing(view=view, runs=size, first=first, median=statistics.median(times), low=min(times), high=max(times))


def clear_caches() -> None:
    """Clear what all visitors share, as after the start of the app, except loaded modules; wait for the backend."""
    st.cache_data.clear()
    st.cache_resource.clear()
    shared_state._store.cache_clear()
    shared_state._backend.cache_clear()
    shared_state.backend().loaded.wait()


def _seconds(app: AppTest, profile: bool = False) -> float:
    if profile:
        _profile(app)
    started = time.perf_counter()
    run(app)
    return time.perf_counter() - started


def _profile(app: AppTest) -> None:
    """Print a profile of a rerun without caches; the script runs in its own thread."""
    profile = cProfile.Profile()

    def begin(*_: object) -> None:
        sys.setprofile(None)
        profile.enable()

    threading.setprofile(begin)
    run(app)
    threading.setprofile(None)
    profile.create_stats()
    pstats.Stats(profile).sort_stats("cumulative").print_stats("roboreg_core|json", 25)


def _show(timings: list[Timing]) -> None:
    print(f"{'':<26}{'runs':>6}{'first, s':>10}{'again, s':>10}{'(min - max)':>16}")
    for each in timings:
        spread = f"({each.low:.2f} - {each.high:.2f})"
        print(f"{each.view:<26}{each.runs:>6}{each.first:>10.2f}{each.median:>10.2f}{spread:>16}")
    late = [each.view for each in timings if each.runs == GOAL_RUNS and each.median >= GOAL_SECONDS]
    verdict = f"missed by {', '.join(late)}" if late else "reached"
    print(f"\ngoal: a median under {GOAL_SECONDS} s with {GOAL_RUNS} runs, {verdict}")
    print("; ".join(f"{name} {value}" for name, value in machine().items()))


if __name__ == "__main__":
    main()
