"""Move the app's home away and put it back, or restore it from a copy, while the app runs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults.campaign import Event, Outcome, Setting, judge
from benchmarks.faults.session import Session, opened
from benchmarks.faults.work import RUN, UPLOAD, begin, compare, finish

ROUNDS, QUICK_ROUNDS = 3, 1
AWAY_SECONDS = 4.0


def events(setting: Setting) -> Iterator[Event]:
    """Move homes; one event each for an idle app, a running job, and a home restored from a copy."""
    draw, references = setting.random(), setting.references()
    with opened(setting, "missing-home") as session:
        for number in setting.rounds(ROUNDS, QUICK_ROUNDS):

            def idle() -> None:
                begin(session, UPLOAD)
                finish(session, UPLOAD, references[UPLOAD.name])
                _move_away(session)
                compare(UPLOAD.figures(session.store), references[UPLOAD.name]["figures"])

            def running() -> None:
                begin(session, RUN)
                time.sleep(draw.uniform(0, references[RUN.name]["seconds"] / 2))
                _move_away(session)
                finish(session, RUN, references[RUN.name])

            def copied(number: int = number) -> None:
                begin(session, UPLOAD)
                finish(session, UPLOAD, references[UPLOAD.name])
                copy = session.home.with_name(f"copy-{number}")
                shutil.copytree(session.home, copy)
                shutil.rmtree(session.home)
                _look(session)
                _put_back(copy, session.home)
                session.store.close()
                compare(UPLOAD.figures(session.store), references[UPLOAD.name]["figures"])
                begin(session, UPLOAD)
                finish(session, UPLOAD, references[UPLOAD.name])

            for what, act in (
                ("moved away, idle", idle),
                ("moved away during a run", running),
                ("deleted, restored from a copy", copied),
            ):
                outcome, reason = judge(act)
                yield Event(what=what, outcome=outcome, reason=reason)
                if outcome is not Outcome.SURVIVED:
                    session.start_over()


def _move_away(session: Session) -> None:
    """Move the home away, look at pages, and put it back."""
    away = session.home.with_name("away")
    session.home.rename(away)
    try:
        _look(session)
        time.sleep(AWAY_SECONDS)
    finally:
        _put_back(away, session.home)


def _look(session: Session) -> None:
    """Open pages that read the store."""
    for path in ("", "jobs"):
        session.open(path)
        session.page.locator("h1").first.wait_for()


def _put_back(folder: Path, home: Path) -> None:
    """Replace what the app may have made meanwhile by the original."""
    shutil.rmtree(home, ignore_errors=True)
    folder.rename(home)
