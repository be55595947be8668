"""The pages run without a browser, on a store of the test's own and an engine that only notes what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from roboreg_core import paths
from roboreg_core.errors import CheckpointError, JobError
from roboreg_core.jobs.request_queue import PendingRequest
from roboreg_core.jobs.task import Request, Task
from roboreg_core.models import checkpoints
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.store.records import Job, JobStatus, Record
from roboreg_core.store.row_mapping import now
from roboreg_core.store.store import Store
from roboreg_core.ui import shared_state
from tests.charts.records import make_logits, make_record
from tests.conftest import random_network


class FakeEngine:
    """Queues jobs in the store and runs none."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.scheduler: str | None = None
        self.cancelled: list[str] = []
        self.resumed: list[str] = []
        self.asked: list[PendingRequest] = []
        self.withdrawn: list[str] = []

    def submit(self, task: Task) -> Job:
        known = {name: getattr(task, name) for name in ("kind", "key", "function", "spec", "inputs", "lane")}
        number = len(self.store.list_jobs())
        return self.store.add_job(
            Job(id=f"job{number}", owner="test", created=now(), author=self.store.author(), **known)
        )

    def request(self, request: Request) -> PendingRequest:
        self.store.author()
        self.asked.append(PendingRequest(request))
        return self.asked[-1]

    def withdraw(self, channel: str) -> None:
        self.withdrawn.append(channel)

    def cancel(self, job_id: str) -> None:
        self.store.author()
        if self.cancelled:
            raise JobError(f"job {job_id} is already cancelled: nothing is left to cancel")
        self.cancelled.append(job_id)

    def resume(self, job_id: str) -> None:
        self.store.author()
        self.resumed.append(job_id)

    def position(self, job_id: str) -> int | None:
        return 1


def restart() -> None:
    """Drop what all visitors share, as a restart of the app does."""
    st.cache_resource.clear()
    shared_state._store.cache_clear()
    shared_state._backend.cache_clear()


@pytest.fixture
def store(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Store]:
    """An empty store, the one that the pages read; no recorded runs."""
    monkeypatch.setattr(paths, "recorded", lambda: tmp_path / "no recorded runs")
    restart()
    opened = Store(home)
    yield opened
    opened.close()
    restart()


@pytest.fixture(scope="session")
def dense() -> Checkpoint:
    """A dense network with random weights."""
    return checkpoints.from_bytes(checkpoints.to_bytes(random_network()), "dense")


@pytest.fixture
def engine(store: Store, dense: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """The engine that the pages get, loaded at once."""
    fake = FakeEngine(store)
    monkeypatch.setattr(shared_state, "HEAD_START_SECONDS", 0.0)
    monkeypatch.setattr(shared_state, "start_engine", lambda store: fake)
    monkeypatch.setattr(shared_state, "read_dense", lambda: dense)
    return fake


@pytest.fixture
def no_dense(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """No dense network ships."""

    def missing() -> Checkpoint:
        raise CheckpointError("a checkpoint must be a file or a name in checkpoints/ (none), got 'dense'")

    monkeypatch.setattr(shared_state, "read_dense", missing)


@pytest.fixture
def open_page(engine: FakeEngine) -> Callable[..., AppTest]:
    """`open_page("design", s="moderate")`: the page after its first run, everything loaded."""

    def opened(page: str, **query: str) -> AppTest:
        assert wait_loaded()
        app = AppTest.from_file(str(paths.PROJECT / "app.py"), default_timeout=60)
        app.run()
        for name, value in query.items():
            app.query_params[name] = value
        if page != "overview":
            app.switch_page(f"pages/{page}.py")
        app.run()
        assert not app.exception, app.exception[0].message
        return app

    return opened


def wait_loaded() -> bool:
    return shared_state.backend().loaded.wait(60)


@pytest.fixture
def put(store: Store) -> Callable[..., Record]:
    """`put(record)` keeps a record with logits and weights among its artefacts, as the engine would."""

    def kept(record: Record | None = None, **how: object) -> Record:
        record = record or make_record(**how)  # type: ignore[arg-type]
        names = {"weights": store.artifacts.put(checkpoints.to_bytes(random_network()))}
        for stage, report in record.result["stages"].items():
            names[f"logits_{stage}"] = store.artifacts.put(make_logits(report))
        whole = replace(record, result={**record.result, "artifacts": names})
        store.put_record(whole)
        return whole

    return kept


@pytest.fixture
def add_job(store: Store) -> Callable[..., Job]:
    """`add_job("a", JobStatus.RUNNING, progress={...})` puts a job into the store."""

    def added(name: str, status: JobStatus, *, key: str | None = None, **changes: object) -> Job:
        spec = make_record().spec
        job = Job(id=name, kind="run", key=key or f"key-{name}", function="f:g", spec=spec, created=now(), owner="test")
        store.add_job(job)
        return store.update_job(name, status=status, **changes)

    return added
