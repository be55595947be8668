"""Open and close many sessions; the server's memory must not grow."""

from __future__ import annotations

from collections.abc import Iterator

import psutil  # type: ignore[import-untyped]

from benchmarks.faults.campaign import Event, Setting, Wrong, judge
from benchmarks.faults.session import Session, opened
from benchmarks.faults.work import SCHEDULE
from roboreg_core.ui import keys

SESSIONS, QUICK_SESSIONS = 200, 10
# Streamlit keeps up to 128 closed sessions for two minutes: as many are opened before the first measurement.
FIRST, QUICK_FIRST = 130, 5
PATHS = ("", "design", "jobs", "explore")
GROWTH = 0.05
BEFORE, AFTER, COUNT = "before_mb", "after_mb", "sessions"


def events(setting: Setting) -> Iterator[Event]:
    """One event, with the memory before and after."""
    first, count = (QUICK_FIRST, QUICK_SESSIONS) if setting.quick else (FIRST, SESSIONS)
    figures: dict[str, float] = {COUNT: count}
    with opened(setting, "many-sessions") as session:

        def act() -> None:
            session.open(f"design?s={SCHEDULE}")
            session.page.locator(f".st-key-{keys.START} button").wait_for()  # the backend is loaded
            _visit(session, first)
            figures[BEFORE] = _memory(session)
            _visit(session, count)
            figures[AFTER] = _memory(session)
            session.check()
            growth = figures[AFTER] / figures[BEFORE] - 1
            if growth >= GROWTH and not setting.quick:
                raise Wrong(f"the server's memory must grow by less than {GROWTH:.0%}, got {growth:.1%}")

        outcome, reason = judge(act)
    yield Event(what="sessions opened and closed", outcome=outcome, reason=reason, figures=figures)


def _visit(session: Session, count: int) -> None:
    """Open a page `count` times; each visit is a new session and ends the one before."""
    for number in range(count):
        session.open(PATHS[number % len(PATHS)])
        session.page.locator("h1").first.wait_for()


def _memory(session: Session) -> float:
    return round(psutil.Process(session.server.process.pid).memory_info().rss / 1e6, 1)
