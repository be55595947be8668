"""Kill the app at random moments and start it again; the interrupted job must be resumable with the same figures."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.faults.campaign import Event, Setting, judge
from benchmarks.faults.session import Session, opened
from benchmarks.faults.work import BEFORE, Work, delete_work, finish, go_on, is_finished, stage, works

ROUNDS, QUICK_ROUNDS = 20, 1
MOST_KILLS = 3


def events(setting: Setting) -> Iterator[Event]:
    """Kill apps; one event per kill."""
    draw, references, chosen = setting.random(), setting.references(), works(setting)
    with opened(setting, "app-kill") as session:
        for number in setting.rounds(ROUNDS, QUICK_ROUNDS):
            work = chosen[number % len(chosen)]
            found = kills(session, work, references[work.name], draw, 1 if setting.quick else MOST_KILLS)
            yield from found
            if any(event.outcome != "survived" for event in found):
                session.start_over()


def kills(session: Session, work: Work, reference: dict[str, Any], draw: random.Random, most: int) -> list[Event]:
    """Kill the app 1 to `most` times during one job, finish it, and return an event per kill.

    The first kill may come before the job is stored: then it must be possible to start it again.
    """
    stages: list[str] = []

    def act() -> None:
        delete_work(session)
        work.start(session)
        for place in range(draw.randint(1, most)):
            if place and is_finished(session, work, reference):
                break
            if place:
                go_on(session, work)
            time.sleep(draw.uniform(0, reference["seconds"]))
            stages.append(stage(session, work))
            session.server.kill()
            session.start()
            session.open("jobs")
        finish(session, work, reference)

    outcome, reason = judge(act)
    return [Event(what=f"{work.name}, {each}", outcome=outcome, reason=reason) for each in stages or [BEFORE]]
