"""Stop the worker process of a job for a while, as a suspended machine does; the job must go on afterwards."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

from benchmarks.faults.campaign import Event, Setting, judge
from benchmarks.faults.session import opened
from benchmarks.faults.work import RUN, begin, finish, stage
from benchmarks.faults.worker_kill import workers

ROUNDS, QUICK_ROUNDS = 6, 1
PAUSE_SECONDS, QUICK_PAUSE_SECONDS = (5.0, 40.0), (2.0, 4.0)


def events(setting: Setting) -> Iterator[Event]:
    """Stop and continue workers; one event per pause."""
    draw, reference = setting.random(), setting.references()[RUN.name]
    with opened(setting, "worker-pause") as session:
        for _ in setting.rounds(ROUNDS, QUICK_ROUNDS):
            what = ""

            def act() -> None:
                nonlocal what
                begin(session, RUN)
                time.sleep(draw.uniform(0, reference["seconds"]))
                what = stage(session, RUN)
                process = workers(session, RUN)[-1]
                os.kill(process, signal.SIGSTOP)
                try:
                    time.sleep(draw.uniform(*(QUICK_PAUSE_SECONDS if setting.quick else PAUSE_SECONDS)))
                finally:
                    os.kill(process, signal.SIGCONT)
                finish(session, RUN, reference)

            outcome, reason = judge(act)
            yield Event(what=f"{RUN.name}, {what}", outcome=outcome, reason=reason)
            if outcome != "survived":
                session.start_over()
