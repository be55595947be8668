"""Jobs and processes after the app has ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from roboreg_core.errors import JobError
from roboreg_core.jobs.engine import Engine
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.store.store import Store
from tests.jobs.helpers import TIMEOUT, current, done, family, gone, reached, start_module, steps, task, until


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def engines(store: Store) -> Iterator[list[Engine]]:
    opened: list[Engine] = []
    yield opened
    for engine in opened:
        engine.close()


def start_app(store: Store, how: str = "stay", count: int = 10_000) -> subprocess.Popen[bytes]:
    return start_module("tests.jobs.app", str(store.home), how, str(count))


def its_job(store: Store) -> Job:
    return until(store.list_jobs)[0]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_app_leaves_no_process_and_its_job_goes_on(
    store: Store, engines: list[Engine], how: signal.Signals
) -> None:
    app = start_app(store, count=30)
    job = its_job(store)
    until(reached(store, job, 5))
    children = family(app)
    assert children
    os.kill(app.pid, how)
    app.wait(TIMEOUT)
    until(gone(children))
    assert current(store, job).status is JobStatus.RUNNING, "nobody was left to say otherwise"

    engines.append(Engine(store))
    interrupted = current(store, job)
    assert interrupted.status is JobStatus.INTERRUPTED
    assert "resume" in (interrupted.error or "")
    assert interrupted.state is not None
    saved = int(store.artifacts.get(interrupted.state))

    engines[0].resume(job.id)
    assert done(engines[0], job).status is JobStatus.FINISHED
    record = store.get_record("long")
    assert record is not None
    assert record.result["counted"] == list(range(saved + 1, 31))
    assert set(steps(store, job)) >= set(range(saved + 1, 31)) | set(range(1, saved))


def test_an_app_that_leaves_without_closing_leaves_no_process(store: Store) -> None:
    app = start_app(store, how="finish", count=5)
    job = its_job(store)
    until(reached(store, job, 1))
    children = family(app)
    assert app.wait(TIMEOUT) == 0
    assert current(store, job).status is JobStatus.FINISHED
    until(gone(children))


def test_an_app_that_leaves_during_a_job_prints_nothing(store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    app = start_app(store, how="leave")
    assert app.wait(TIMEOUT) == 0
    assert its_job(store).status is JobStatus.INTERRUPTED
    assert capfd.readouterr().err == ""


def test_closing_interrupts_what_is_unfinished(store: Store) -> None:
    engine = Engine(store)
    job = engine.submit(task("closed", steps=10_000))
    queued = engine.submit(task("closed behind", steps=1))
    until(reached(store, job, 3))
    engine.close()
    engine.close()
    assert current(store, job).status is JobStatus.INTERRUPTED
    assert current(store, queued).status is JobStatus.INTERRUPTED
    assert current(store, job).state is not None
    assert engine.workers() == []
    with pytest.raises(JobError, match="closed"):
        engine.submit(task("late", steps=1))


@pytest.mark.slow
def test_two_apps_on_one_store_leave_each_other_alone(store: Store, engines: list[Engine]) -> None:
    app = start_app(store)
    theirs = its_job(store)
    until(reached(store, theirs, 2))
    engines.append(Engine(store))
    assert current(store, theirs).status is JobStatus.RUNNING
    assert engines[0].submit(task("long", steps=1)).id == theirs.id, "the other app is already making it"
    assert engines[0].position(theirs.id) is None
    with pytest.raises(JobError, match="another RoboReg"):
        engines[0].cancel(theirs.id)
    with pytest.raises(JobError, match="is running"):
        engines[0].resume(theirs.id)
    mine = done(engines[0], engines[0].submit(task("mine", steps=3)))
    assert mine.status is JobStatus.FINISHED
    before = current(store, theirs).progress["step"]
    until(reached(store, theirs, before + 1))
    os.kill(app.pid, signal.SIGKILL)
    app.wait(TIMEOUT)
    until(lambda: current(store, theirs).status is JobStatus.INTERRUPTED)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_is_left_to_the_app(store: Store, tmp_path: Path, how: signal.Signals) -> None:
    """Ctrl-C in a terminal and the end of a service go to workers, too, which must not fail or log."""
    with (tmp_path / "log").open("wb") as log:
        app = start_module("tests.jobs.app", str(store.home), "stay", "10000", stderr=log, start_new_session=True)
    until(reached(store, its_job(store), 5))
    children = family(app)
    os.killpg(app.pid, how)
    app.wait(TIMEOUT)
    until(gone(children))
    log_text = (tmp_path / "log").read_text()
    assert "Dask Worker" not in log_text
    assert "Nanny" not in log_text
