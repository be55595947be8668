"""The fault campaign: outcomes, damages, the generated document, and one worker killed in the running app."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.faults import damage, worker_kill
from benchmarks.faults.__main__ import added, app, group, summary
from benchmarks.faults.campaign import Event, Lost, Outcome, Setting, Skipped, Wrong, judge, wait_for
from benchmarks.faults.kinds import BY_NAME, KINDS
from benchmarks.faults.session import opened
from benchmarks.faults.work import TEST_IMAGES, TRAIN_IMAGES, UPLOAD, begin, compare, finish, is_finished
from benchmarks.report import measurements, reliability
from benchmarks.report.measurements import Measurement
from benchmarks.report.page import NOT_YET
from benchmarks.small_project import copy_project
from roboreg_core.errors import StoreError
from roboreg_core.store.record_store import DATABASE
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from tests.browser.conftest import CHROMIUM

EVENTS = [
    Event(what="run, pruning", outcome=Outcome.SURVIVED),
    Event(what="run, pruning", outcome=Outcome.LOST, reason="it did not end"),
    Event(what="run, fine-tuning", outcome=Outcome.WRONG),
    Event(what="full tmpfs", outcome=Outcome.SKIPPED),
]
MOVES = [Event(what="move", outcome=Outcome.SURVIVED, figures={"ms": float(ms)}) for ms in range(1, 101)]
SESSIONS = [
    Event(what="visits", outcome=Outcome.SURVIVED, figures={"sessions": 200, "before_mb": 500.0, "after_mb": 510.0})
]
MACHINE = {"processor": "abacus", "family": "Intel, AVX2", "cores": 2, "threads": 2, "torch": "2.0"}


def measured(**events: list[Event]) -> Measurement:
    kinds = [summary(BY_NAME[name.replace("_", "-")], each, True) for name, each in events.items()]
    figures = json.loads(json.dumps({"quick": False, "seeds": [3], "minutes": 30.0, "kinds": kinds}))
    return Measurement(name="faults", date="2026-01-02", seconds=1.0, busy=0.0, machine=MACHINE, figures=figures)


def raising(error: Exception) -> Any:
    def check() -> None:
        raise error

    return check


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Lost("gone"), Outcome.LOST),
        (Wrong("differs"), Outcome.WRONG),
        (StoreError("damaged"), Outcome.WRONG),
        (sqlite3.DatabaseError("malformed"), Outcome.WRONG),
        (Skipped("no tmpfs"), Outcome.SKIPPED),
    ],
)
def test_an_error_has_an_outcome(error: Exception, outcome: Outcome) -> None:
    found, reason = judge(raising(error))
    assert found is outcome
    assert str(error) in reason


def test_no_error_is_survival() -> None:
    assert judge(lambda: None) == (Outcome.SURVIVED, "")


def test_waiting_in_vain_is_a_loss() -> None:
    with pytest.raises(Lost, match="no answer within 0 s"):
        wait_for(lambda: False, 0, "no answer")


def test_an_event_is_a_line_of_json() -> None:
    for event in (*EVENTS, *SESSIONS):
        assert Event.from_json(event.to_json()) == event


def test_outcomes_are_counted_in_all_and_by_fault() -> None:
    found = summary(BY_NAME["worker-kill"], EVENTS, True)
    assert (found["tried"], found["survived"], found["lost"], found["wrong"], found["skipped"]) == (3, 1, 1, 1, 1)
    assert found["faults"][0] == {"what": "run, pruning", "survived": 1, "lost": 1, "wrong": 0, "skipped": 0}


def test_campaigns_add_up() -> None:
    kind = BY_NAME["many-browsers"]
    first, second = summary(kind, EVENTS[:1] + MOVES[:2], True), summary(kind, EVENTS[1:] + MOVES[2:], True)
    assert added([first, second]) == summary(kind, EVENTS[:1] + MOVES[:2] + EVENTS[1:] + MOVES[2:], True)
    assert not added([first, summary(kind, [], False)])["completed"]


def test_the_first_different_figure_is_named() -> None:
    compare({"run": {"stages": [1, 2]}}, {"run": {"stages": [1, 2]}})
    with pytest.raises(Wrong, match=r"\.run\.stages\[1\] is 3 and not 2"):
        compare({"run": {"stages": [1, 3]}}, {"run": {"stages": [1, 2]}})


def test_rounds_end_with_the_time_but_begin_once(tmp_path: Path) -> None:
    late = Setting(folder=tmp_path, seed=0, ends=time.monotonic() - 1, quick=False)
    assert list(late.rounds(5, 2)) == [0]
    early = Setting(folder=tmp_path, seed=0, ends=time.monotonic() + 60, quick=True)
    assert list(early.rounds(5, 2)) == [0, 1]


@pytest.mark.parametrize("what", list(damage.DAMAGES))
def test_a_damage_changes_the_home(what: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    sha = store.artifacts.put(b"weights" * 100)
    record = Record(kind="run", id="a", created="2026-01-02", spec={"seed": 0}, result={"artifacts": {"weights": sha}})
    store.put_record(record)
    store.close()
    before = content(tmp_path)
    damage.DAMAGES[what](tmp_path, random.Random(1))
    after = content(tmp_path)
    assert before.keys() == after.keys()
    assert sum(before[name] != after[name] for name in before) == 1
    if what == "bit flipped in an artefact":
        assert sum((one ^ other).bit_count() for one, other in zip(before[sha], after[sha], strict=True)) == 1


def content(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / DATABASE, *(home / "artifacts").iterdir())}


def test_an_unknown_kind_is_refused() -> None:
    done = CliRunner().invoke(app, ["--only", "flood"])
    assert done.exit_code == 2
    assert "got 'flood'" in done.output


def test_what_a_kind_started_is_ended_with_it() -> None:
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    code = f"{child}; print('started', flush=True); import time; time.sleep(60)"
    with group([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
    assert process.stdout.read() == b"", "the child still holds the pipe"


def test_the_document_agrees_with_the_stored_figures() -> None:
    expected = reliability.page(measurements.read().get("faults"))
    assert reliability.PAGE.read_text(encoding="utf-8") == expected, "run: python -m benchmarks.report write"


def test_the_document_counts_outcomes_and_measured_values() -> None:
    text = reliability.page(measured(worker_kill=EVENTS, many_browsers=MOVES, many_sessions=SESSIONS))
    assert f"| {BY_NAME['worker-kill'].title} | 3 | 1 | 1 | 1 |" in text
    assert "| all | 104 | 102 | 1 | 1 |" in text
    assert "| run, pruning | 1 | 1 | 0 |" in text
    assert "Not possible on this machine: full tmpfs." in text
    assert "median 50 ms, 95th percentile 96 ms, 100 moves" in text
    assert "after 200 sessions: 510 MB, before 500 MB, 2.0 % more" in text
    assert "2026-01-02, abacus" in text
    assert NOT_YET not in text


def test_a_missing_measurement_is_named_and_every_kind_has_its_condition() -> None:
    text = reliability.page(None)
    assert NOT_YET in text
    for kind in KINDS:
        assert f"| {kind.title} | {kind.survived} |" in text


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found; install one (Debian: apt-get install chromium)")
def test_a_killed_worker_costs_an_upload_nothing(tmp_path: Path) -> None:
    setting = Setting(folder=tmp_path, seed=0, ends=time.monotonic() + 60, quick=True)
    copy_project(setting.project, train=TRAIN_IMAGES, test=TEST_IMAGES)
    with opened(setting, "home") as session:
        begin(session, UPLOAD)
        assert is_finished(session, UPLOAD, {"figures": {}})
        figures = UPLOAD.figures(session.store)
        assert len(figures) == 1
        (event,) = worker_kill.kills(session, UPLOAD, {"seconds": 0.5, "figures": figures}, random.Random(0), 1)
        assert event.outcome is Outcome.SURVIVED, event.reason
        changed = {name: {**result, "accuracy": 0.0} for name, result in figures.items()}
        with pytest.raises(Wrong, match="accuracy"):
            finish(session, UPLOAD, {"figures": changed})
