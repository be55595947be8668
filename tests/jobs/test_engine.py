"""The engine with worker processes of its own."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from roboreg_core.errors import JobError, StorageError, StoreError
from roboreg_core.jobs import attempt, dispatcher
from roboreg_core.jobs.engine import Engine
from roboreg_core.store.records import JobStatus, Record
from roboreg_core.store.store import Store
from tests.jobs.helpers import (
    ROOT,
    TIMEOUT,
    current,
    done,
    gone,
    payloads,
    reached,
    running,
    steps,
    task,
    until,
    worker_pid,
)


def test_import_is_light() -> None:
    code = (
        "import sys, roboreg_core.jobs.engine as _; sys.exit(bool({'dask', 'distributed', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


SCRIPT = """
from pathlib import Path
from roboreg_core.jobs.engine import Engine
from roboreg_core.store.store import Store
from tests.jobs.helpers import done, task

def main():
    engine = Engine(Store(Path(__file__).parent / "home"))
    job = done(engine, engine.submit(task("scripted", steps=1)))
    engine.close()
    print(job.status)
"""


@pytest.mark.parametrize(
    ("call", "succeeds"), [("main()", False), ('if __name__ == "__main__":\n    main()', True)], ids=["bare", "guarded"]
)
def test_a_script_without_a_main_guard_is_refused(tmp_path: Path, call: str, succeeds: bool) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"{SCRIPT}\n{call}\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert (ended.returncode == 0) is succeeds
    if succeeds:
        assert ended.stdout.strip() == JobStatus.FINISHED
    else:
        last = ended.stderr.strip().splitlines()[-1]
        assert last.startswith(f"{JobError.__module__}.{JobError.__name__}: ")
        assert str(script) in last
        assert 'if __name__ == "__main__":' in last
        assert ended.stdout == ""


def test_submit_does_not_wait_for_the_workers_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted = threading.Event()

    def connect(*given: object) -> None:
        submitted.wait(TIMEOUT)
        raise JobError("no worker can be started")

    monkeypatch.setattr(dispatcher, "connect", connect)
    slow = Engine(Store(tmp_path / "home"))
    try:
        job = slow.submit(task("first", steps=1))
        # A submit that waited for `connect` would return only after the job had failed with it.
        assert current(slow.store, job).status is JobStatus.QUEUED
        submitted.set()
        assert done(slow, job).status is JobStatus.FAILED
    finally:
        submitted.set()
        slow.close()


def test_a_job_reports_progress_and_makes_a_record(engine: Engine, store: Store) -> None:
    job = done(engine, engine.submit(task("whole", steps=5)))
    record = store.get_record("whole")
    assert record is not None
    assert job.status is JobStatus.FINISHED
    assert steps(store, job) == [1, 2, 3, 4, 5]
    assert job.progress["step"] == 5
    assert (record.kind, record.spec) == ("test", {"steps": 5})
    assert record.result["counted"] == [1, 2, 3, 4, 5]
    assert record.result["pid"] != os.getpid()
    assert store.artifacts.get(record.result["artifacts"]["last"]) == b"[5]"
    assert job.state is None, "a finished job needs no state"
    assert None not in (job.started, job.ended)


def test_inputs_go_out_and_large_results_come_back(engine: Engine, store: Store) -> None:
    content = os.urandom(2_000_000)
    inputs = {"weights": store.artifacts.put(content)}
    job = done(engine, engine.submit(replace(task("large", "digest", bytes=10_000_000), inputs=inputs)))
    assert job.status is JobStatus.FINISHED
    record = store.get_record("large")
    assert record is not None
    assert record.result["sums"] == {"weights": hashlib.sha256(content).hexdigest()}
    assert len(store.artifacts.get(record.result["artifacts"]["large"])) == 10_000_000


def test_a_missing_input_is_refused(engine: Engine) -> None:
    with pytest.raises(StoreError, match="missing"):
        engine.submit(replace(task("no input", "digest"), inputs={"weights": "0" * 64}))


def test_reports_are_thinned_but_milestones_and_the_last_one_stay(engine: Engine, store: Store) -> None:
    job = done(engine, engine.submit(task("much", "tell_much", seconds=1.5)))
    reported = [payload for payload in payloads(store, job) if "number" in payload]
    record = store.get_record("much")
    assert record is not None
    milestones = [payload["number"] for payload in reported if payload["milestone"]]
    assert milestones == list(range(100, record.result["reported"] + 1, 100))
    assert len(reported) - len(milestones) <= 9
    assert reported[-1]["number"] == record.result["reported"]


def test_the_same_task_is_not_run_twice(engine: Engine, store: Store) -> None:
    first = engine.submit(task("same", steps=20))
    assert engine.submit(task("same", steps=20)).id == first.id
    done(engine, first)
    again = engine.submit(task("same", steps=20))
    assert (again.id, again.status) == (first.id, JobStatus.FINISHED)


def test_a_record_that_no_job_made_counts_as_finished(engine: Engine, store: Store) -> None:
    store.put_record(Record(kind="test", id="imported", created="2026-01-01T00:00:00+00:00", spec={}, result={}))
    job = engine.submit(task("imported", steps=1))
    assert job.status is JobStatus.FINISHED
    assert store.get_job(job.id) is None


def test_jobs_of_a_lane_run_one_at_a_time_in_their_order(engine: Engine, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    names = ["a", "b", "c", "d"]
    jobs = [engine.submit(task(f"note {name}", "note", path=str(path), name=name, seconds=0.2)) for name in names]
    assert [engine.position(job.id) for job in jobs[1:]] == [1, 2, 3]
    for job in jobs:
        done(engine, job)
    assert path.read_text().split("\n")[:-1] == [f"{what} {name}" for name in names for what in ("begin", "end")]
    assert engine.position(jobs[0].id) is None


def test_the_light_lane_does_not_wait_for_the_device(engine: Engine, store: Store) -> None:
    long = engine.submit(task("device busy", steps=10_000))
    light = done(engine, engine.submit(task("light", steps=2, lane="light")))
    assert light.status is JobStatus.FINISHED
    until(running(store, long))
    until(lambda: {worker.job for worker in engine.workers()} >= {long.id})
    until(lambda: sorted(worker.lanes for worker in engine.workers()) == [("device",), ("light",)])
    engine.cancel(long.id)
    assert done(engine, long).status is JobStatus.CANCELLED


def test_a_cancelled_queued_job_never_runs(engine: Engine, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    first = engine.submit(task("before", steps=10_000))
    second = engine.submit(task("never", "note", path=str(path), name="x"))
    third = engine.submit(task("after", steps=1))
    engine.cancel(second.id)
    assert done(engine, second).status is JobStatus.CANCELLED
    engine.cancel(first.id)
    assert done(engine, third).status is JobStatus.FINISHED
    assert current(store, second).attempts == 0
    assert not path.exists()


def test_a_cancelled_job_stops_between_two_steps_and_goes_on_when_resumed(engine: Engine, store: Store) -> None:
    job = engine.submit(task("stopped", steps=40))
    until(reached(store, job, 5))
    engine.cancel(job.id)
    ended = done(engine, job)
    assert ended.status is JobStatus.CANCELLED
    assert ended.state is not None
    saved = int(store.artifacts.get(ended.state))
    assert 5 <= saved < 40

    assert engine.resume(job.id).status is JobStatus.QUEUED
    assert done(engine, job).status is JobStatus.FINISHED
    record = store.get_record("stopped")
    assert record is not None
    assert record.result["counted"] == list(range(saved + 1, 41))
    assert current(store, job).attempts == 2


def test_a_function_that_does_not_stop_is_ended_with_its_worker(engine: Engine, store: Store) -> None:
    light = engine.submit(task("bystander", steps=10_000, lane="light"))
    until(running(store, light))
    job = engine.submit(task("deaf", "ignore_stop", seconds=600, bytes=50_000_000))
    until(lambda: current(store, job).progress)
    worker = psutil.Process(worker_pid(store, job))
    engine.cancel(job.id)
    ended = done(engine, job)
    assert ended.status is JobStatus.CANCELLED
    assert ended.state is not None
    assert store.artifacts.get(ended.state) == b"7"
    until(gone([worker]))
    assert done(engine, engine.submit(task("after deaf", steps=1))).status is JobStatus.FINISHED
    assert current(store, light).attempts == 1
    engine.cancel(light.id)
    assert done(engine, light).status is JobStatus.CANCELLED


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("own", "steps must be 1..9, got 10"),
        ("other", "ValueError: a line and another"),
        ("exit", "SystemExit: over"),
    ],
)
def test_an_exception_fails_the_job_with_one_line(engine: Engine, store: Store, how: str, error: str) -> None:
    job = done(engine, engine.submit(task(f"refuse {how}", "refuse", how=how)))
    assert (job.status, job.error) == (JobStatus.FAILED, error)
    assert any("in refuse" in payload.get("traceback", "") for payload in payloads(store, job))
    assert store.get_record(f"refuse {how}") is None


def test_an_unknown_function_fails_the_job(engine: Engine) -> None:
    job = done(engine, engine.submit(task("unknown", "nowhere")))
    assert job.status is JobStatus.FAILED
    assert "no function tests.jobs.functions:nowhere" in (job.error or "")


def test_a_killed_worker_is_replaced_and_its_job_goes_on(engine: Engine, store: Store) -> None:
    job = engine.submit(task("killed", steps=25))
    waiting = engine.submit(task("behind", steps=1))
    until(reached(store, job, 8))
    killed = worker_pid(store, job)
    os.kill(killed, signal.SIGKILL)
    assert done(engine, job).status is JobStatus.FINISHED
    record = store.get_record("killed")
    assert record is not None
    assert record.result["pid"] != killed
    assert record.result["counted"][0] >= 8, "the second worker began where the first had come to"
    assert record.result["counted"][-1] == 25
    assert steps(store, job) == list(range(1, 26)), "no step was reported twice"
    assert {"worker": "lost", "deaths": 1} in payloads(store, job)
    assert done(engine, waiting).attempts == 1


def test_a_job_that_kills_three_workers_fails_and_may_be_tried_again(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    job = engine.submit(task("deadly", "die", path=str(tmp_path / "deaths"), times=3))
    ended = done(engine, job)
    assert ended.status is JobStatus.FAILED
    assert "died 3 times" in (ended.error or "")
    engine.resume(job.id)
    assert done(engine, job).status is JobStatus.FINISHED


def test_the_device_has_every_thread(engine: Engine, store: Store) -> None:
    done(engine, engine.submit(task("environment", "environment")))
    record = store.get_record("environment")
    assert record is not None
    assert record.result["OMP_NUM_THREADS"] == os.environ.get("OMP_NUM_THREADS")
    assert record.result["MKL_NUM_THREADS"] == os.environ.get("MKL_NUM_THREADS")
    assert record.result["MALLOC_TRIM_THRESHOLD_"] == os.environ.get("MALLOC_TRIM_THRESHOLD_")


def test_nothing_listens_beyond_this_machine(engine: Engine) -> None:
    done(engine, engine.submit(task("listening", steps=1)))
    me = psutil.Process()
    listening = [
        each.laddr.ip
        for process in [me, *me.children(recursive=True)]
        for each in process.net_connections(kind="inet")
        if each.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) == {"127.0.0.1"}


def full(*arguments: object) -> None:
    raise StorageError("cannot write: free some space")


def test_a_result_that_cannot_be_kept_interrupts_the_job_which_resumes_from_its_state(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        job = engine.submit(task("full", steps=10))
        until(reached(store, job, 2))
        patch.setattr(store, "finish_job", full)
        ended = done(engine, job)
    assert ended.status is JobStatus.INTERRUPTED
    assert "free some space" in (ended.error or "")
    assert ended.state is not None
    assert done(engine, engine.resume(job.id)).status is JobStatus.FINISHED


def test_a_state_that_cannot_be_kept_is_reported_and_the_job_continues(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "set_state", full)
    job = done(engine, engine.submit(task("no state", steps=3)))
    assert job.status is JobStatus.FINISHED
    assert [each["error"] for each in payloads(store, job) if each.get("state") == "not kept"] == [
        "cannot write: free some space"
    ] * 3


def test_a_record_that_cannot_be_kept_interrupts_the_job_without_a_later_state(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store, "complete_record", full)
        job = done(engine, engine.submit(task("lost", "put_some", steps=3, name="lost")))
    assert job.status is JobStatus.INTERRUPTED
    assert job.state is None
    assert done(engine, engine.resume(job.id)).status is JobStatus.FINISHED
    assert {record.id for record in store.list_records("made")} >= {"lost-1", "lost-2", "lost-3"}


@pytest.mark.parametrize("away_at", ["start", "end"])
def test_a_job_outlives_a_home_that_is_moved_away_and_back(
    engine: Engine, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, away_at: str
) -> None:
    monkeypatch.setattr(attempt, "RETRY_SECONDS", 0.1)
    noticed: list[str] = []
    survive = engine._dispatcher._survive

    def watched(step: Callable[[], None]) -> None:
        survive(step)
        noticed.append(engine._dispatcher._last_error)

    monkeypatch.setattr(engine._dispatcher, "_survive", watched)
    mark = tmp_path / "mark"
    job = engine.submit(task(f"away at the {away_at}", "note", path=str(mark), name="a", seconds=0.5))
    if away_at == "end":
        until(running(store, job))
    away = store.home.rename(store.home.with_name("away"))
    until(lambda: mark.exists() and "end" in mark.read_text()) if away_at == "end" else None
    del noticed[:]
    until(lambda: any("is gone" in each for each in noticed))
    assert not store.home.exists()
    away.rename(store.home)
    assert done(engine, job).status is JobStatus.FINISHED
    assert store.get_record(job.key) is not None


@pytest.mark.parametrize("changes", [{"lane": "fast"}, {"function": "nocolon"}, {"function": "module:"}])
def test_malformed_tasks_are_refused(engine: Engine, changes: dict[str, str]) -> None:
    with pytest.raises(JobError, match="must be"):
        engine.submit(replace(task("malformed"), **changes))


def test_what_cannot_be_cancelled_or_resumed_says_why(engine: Engine) -> None:
    job = done(engine, engine.submit(task("ended", steps=1)))
    with pytest.raises(JobError, match="already finished"):
        engine.cancel(job.id)
    with pytest.raises(JobError, match="exists already"):
        engine.resume(job.id)
    for refused in (engine.cancel, engine.resume, engine.wait):
        with pytest.raises(JobError, match="no job nothing"):
            refused("nothing")
    with pytest.raises(TimeoutError, match="still"):
        engine.wait(engine.submit(task("slow", steps=50)).id, timeout=0.1)
