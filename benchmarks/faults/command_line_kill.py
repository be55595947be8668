"""Kill `roboreg run` at random moments and run it again; it must resume and store the figures that the app stores."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults.campaign import Event, Lost, Setting, judge
from benchmarks.faults.server import command_line, output_of
from benchmarks.faults.work import EPOCHS, RUN, SCHEDULE, compare
from roboreg_core.store.store import Store

ROUNDS, QUICK_ROUNDS = 20, 1
RUN_COMMAND = ("run", SCHEDULE, "--epochs", str(EPOCHS), "--json")


def events(setting: Setting) -> Iterator[Event]:
    """Kill the command line; one event per kill."""
    draw, reference = setting.random(), setting.references()[RUN.name]
    for number in setting.rounds(ROUNDS, QUICK_ROUNDS):
        home = setting.folder / "homes" / f"command-line-{number}"

        def act(home: Path = home) -> None:
            running = command_line(setting.project, home, *RUN_COMMAND)
            time.sleep(draw.uniform(0, reference["seconds"]))
            running.kill()
            running.communicate()
            status, _, errors = output_of(command_line(setting.project, home, *RUN_COMMAND))
            if status != 0:
                raise Lost(f"the repeated command ended with status {status}: {errors[-300:]}")
            compare(RUN.figures(Store(home)), reference["figures"])

        outcome, reason = judge(act)
        yield Event(what="`roboreg run`", outcome=outcome, reason=reason)
