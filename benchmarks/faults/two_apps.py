"""Two apps on one home with the command line beside them; one app is killed and the other one takes over its job."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from benchmarks.faults.campaign import Event, Setting, Wrong, judge
from benchmarks.faults.server import command_line, output_of
from benchmarks.faults.session import Session, opened
from benchmarks.faults.work import RUN, UPLOAD, begin, compare, finish, is_finished

ROUNDS, QUICK_ROUNDS = 4, 1


def events(setting: Setting) -> Iterator[Event]:
    """Work in both apps, kill one, and finish in the other; one event per round."""
    draw, references = setting.random(), setting.references()
    with opened(setting, "first-app") as first:
        for number in setting.rounds(ROUNDS, QUICK_ROUNDS):
            second = Session(setting, first.browser, f"second-app-{number}", first.home)

            def act(second: Session = second) -> None:
                begin(second, RUN)
                UPLOAD.start(first)
                time.sleep(draw.uniform(0, references[RUN.name]["seconds"] / 2))
                _check_command_line(first)
                second.server.kill()
                first.open("jobs")
                finish(first, RUN, references[RUN.name])
                if not is_finished(first, UPLOAD, references[UPLOAD.name]):
                    raise Wrong("the upload in the app that lives did not finish")
                compare(UPLOAD.figures(first.store), references[UPLOAD.name]["figures"])
                _check_command_line(first)

            outcome, reason = judge(act)
            yield Event(what="one of two apps killed", outcome=outcome, reason=reason)
            second.leave()
            if outcome != "survived":
                first.start_over()


def _check_command_line(session: Session) -> None:
    """Raise `Wrong` unless the command line lists exactly the runs of the store."""
    before = {record.id for record in session.store.list_records(RUN.records)}
    status, output, errors = output_of(command_line(session.project, session.home, "runs", "list", "--json"))
    if status != 0:
        raise Wrong(f"`runs list` must end with status 0, got {status}: {errors[-300:]}")
    listed = {run["run"] for run in json.loads(output)["runs"] if not run["recorded"]}
    after = {record.id for record in session.store.list_records(RUN.records)}
    if not before <= listed <= after:  # a run may end meanwhile
        raise Wrong(f"`runs list` must list the stored runs {sorted(before)}, got {sorted(listed)}")
