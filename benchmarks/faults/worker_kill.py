"""Kill the worker process of a job at random moments; the job must finish with the same figures."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from benchmarks.faults.campaign import Event, Setting, judge, wait_for
from benchmarks.faults.session import Session, opened
from benchmarks.faults.work import AFTER, BEFORE, Work, begin, finish, stage, works

ROUNDS, QUICK_ROUNDS = 24, 2
# One more than the deaths after which a job fails and is to be resumed.
MOST_KILLS = 4
RESTART_SECONDS = 300.0


def events(setting: Setting) -> Iterator[Event]:
    """Kill workers; one event per kill."""
    draw, references, chosen = setting.random(), setting.references(), works(setting)
    with opened(setting, "worker-kill") as session:
        for number in setting.rounds(ROUNDS, QUICK_ROUNDS):
            work = chosen[number % len(chosen)]
            found = kills(session, work, references[work.name], draw, 1 if setting.quick else MOST_KILLS)
            yield from found
            if any(event.outcome != "survived" for event in found):
                session.start_over()


def kills(session: Session, work: Work, reference: dict[str, Any], draw: random.Random, most: int) -> list[Event]:
    """Kill the workers of one job 1 to `most` times, finish it, and return an event per kill."""
    stages: list[str] = []

    def act() -> None:
        begin(session, work)
        for _ in range(draw.randint(1, most)):
            time.sleep(draw.uniform(0, reference["seconds"]))
            stages.append(stage(session, work))
            if not _kill(session, work):
                break
        finish(session, work, reference)

    outcome, reason = judge(act)
    return [Event(what=f"{work.name}, {each}", outcome=outcome, reason=reason) for each in stages or [BEFORE]]


def _kill(session: Session, work: Work) -> bool:
    """Kill the worker that began the job last; return True once another one began it, False if the job has ended."""
    before = workers(session, work)
    with suppress(ProcessLookupError):
        os.kill(before[-1], signal.SIGKILL)

    def is_over() -> bool:
        return stage(session, work) == AFTER or len(workers(session, work)) > len(before)

    wait_for(is_over, RESTART_SECONDS, "no new worker began the job")
    return stage(session, work) != AFTER


def workers(session: Session, work: Work) -> list[int]:
    """Process ids of the workers that began the work's newest job, in order."""
    job = work.job(session.store)
    events = session.store.list_events(job.id) if job is not None else []
    return [event.payload["pid"] for event in events if event.payload.get("worker") == "began"]
