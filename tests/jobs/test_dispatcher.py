"""The dispatcher while the store cannot be written: no job is forgotten, no process is left behind."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from roboreg_core.errors import StoreError
from roboreg_core.jobs.dispatcher import Dispatcher
from roboreg_core.store.owners import new_owner
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.store.row_mapping import DamagedRowError
from roboreg_core.store.store import Store


class FakeConnection:
    """A connection that remembers that it was closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def waiting(store: Store, **inputs: str) -> tuple[Dispatcher, FakeConnection, Job]:
    """A dispatcher without its thread, its connection, and a job in its queue."""
    dispatcher, connection = Dispatcher(store, owner := new_owner(), scheduler=None, grace=1.0), FakeConnection()
    job = store.add_job(
        Job(id="job", kind="test", key="key", function="module:name", spec={}, inputs=inputs, owner=owner)
    )
    dispatcher._waiting[job.lane].append(job.id)
    dispatcher._connection = connection  # type: ignore[assignment]
    return dispatcher, connection, job


def refuse(*job: Any, **changes: Any) -> Job:
    raise StoreError("the disk is full")


def test_a_job_that_can_neither_be_sent_nor_failed_stays_in_the_queue(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatcher, _, job = waiting(store, dense=store.artifacts.put(b"weights"))
    store.artifacts.discard(job.inputs["dense"])
    with monkeypatch.context() as patch:
        patch.setattr(store, "update_job", refuse)
        with pytest.raises(StoreError, match="full"):
            dispatcher._send(job.id)
    assert dispatcher.position(job.id) == 0
    dispatcher._send(job.id)
    found = store.get_job(job.id)
    assert found is not None
    assert found.status is JobStatus.FAILED
    assert "missing" in (found.error or "")
    assert dispatcher.position(job.id) is None


def test_a_damaged_job_leaves_the_queue(store: Store) -> None:
    dispatcher, _, job = waiting(store)
    with store._database.write() as db:
        db.execute("UPDATE jobs SET spec = '{'")
    with pytest.raises(DamagedRowError):
        dispatcher._send(job.id)
    assert dispatcher.position(job.id) is None


def test_artefacts_newer_than_a_restored_database_are_not_collected(store: Store) -> None:
    path = store.artifacts.path(store.artifacts.put(b"weights"))
    os.utime(path, (time.time() - 86_400,) * 2)
    Dispatcher(store, new_owner(), scheduler=None, grace=1.0)._collect()
    assert path.exists()


def test_a_lost_connection_is_closed_though_the_jobs_cannot_be_marked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatcher, connection, _ = waiting(store)
    monkeypatch.setattr(store, "update_job", refuse)
    dispatcher._lose("lost")
    assert connection.closed.wait(10)
