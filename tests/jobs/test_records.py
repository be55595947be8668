"""Records that a task function stores while it runs."""

from __future__ import annotations

import os
import signal

import pytest

from roboreg_core.jobs.engine import Engine
from roboreg_core.jobs.request_queue import RequestStatus
from roboreg_core.jobs.task import LocalContext, Request
from roboreg_core.store.records import JobStatus
from roboreg_core.store.store import Store
from tests.jobs.functions import put_some
from tests.jobs.helpers import current, done, payloads, task, until, worker_pid


def made(store: Store, name: str) -> list[int]:
    found = [record for record in store.list_records("made") if record.id.startswith(f"{name}-")]
    assert all(record.created for record in found)
    return sorted(record.spec["step"] for record in found)


@pytest.mark.slow
def test_they_appear_while_the_job_runs_and_outlive_its_worker(engine: Engine, store: Store) -> None:
    job = engine.submit(task("put", "put_some", name="put", steps=12, nap=0.1))
    until(lambda: len(made(store, "put")) >= 3)
    before = made(store, "put")
    assert current(store, job).status is JobStatus.RUNNING
    os.kill(worker_pid(store, job), signal.SIGKILL)
    assert set(before) <= set(made(store, "put"))
    assert done(engine, job).status is JobStatus.FINISHED
    assert made(store, "put") == list(range(1, 13))
    record = store.get_record("put")
    assert record is not None
    assert record.result["taken"][0] > before[-1] - 1, "the successor went on and did not begin anew"
    pids = {each.result["pid"] for each in store.list_records("made") if each.id.startswith("put-")}
    assert len(pids) == 2


def test_none_of_a_quick_succession_is_lost(engine: Engine, store: Store) -> None:
    assert (
        done(engine, engine.submit(task("much put", "put_much", name="many", steps=300))).status is JobStatus.FINISHED
    )
    until(lambda: len(made(store, "many")) == 300)


def test_those_of_a_cancelled_job_stay(engine: Engine, store: Store) -> None:
    job = engine.submit(task("put stopped", "put_some", name="stopped", steps=1000))
    until(lambda: len(made(store, "stopped")) >= 2)
    engine.cancel(job.id)
    assert done(engine, job).status is JobStatus.CANCELLED
    kept = made(store, "stopped")
    assert kept == list(range(1, len(kept) + 1))
    assert engine.resume(job.id).state is not None
    until(lambda: len(made(store, "stopped")) > len(kept))
    engine.cancel(job.id)
    done(engine, job)


def test_what_is_no_json_is_an_error(engine: Engine, store: Store) -> None:
    job = done(engine, engine.submit(task("put nonsense", "put_nonsense")))
    assert job.status is JobStatus.FAILED
    assert "record nonsense must be a JSON object" in (job.error or "")
    assert store.get_record("nonsense") is None
    assert payloads(store, job)


def test_a_request_stores_no_records(engine: Engine, store: Store) -> None:
    how = {"function": "tests.jobs.functions:put_much", "spec": {"name": "pending", "steps": 2}}
    pending = engine.request(Request(channel="me", **how))
    until(lambda: pending.is_ended)
    assert pending.status is RequestStatus.FINISHED, pending.error
    assert made(store, "pending") == []


def test_a_local_context_passes_them_on() -> None:
    reported: list[tuple[str, str]] = []
    context = LocalContext(on_put=lambda *record: reported.append(record[:2]))
    put_some({"name": "here", "steps": 2, "nap": 0}, context)
    assert reported == [("made", "here-1"), ("made", "here-2")]
