"""Starting and cancelling need a permission, and record who started."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roboreg_core.errors import AccessError
from roboreg_core.jobs.engine import Engine
from roboreg_core.jobs.task import Request
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.store.store import Store
from tests.jobs.helpers import task

SHORT = Request(channel="me", function="tests.jobs.functions:digest", spec={})
CALLS: dict[str, Callable[[Engine, Job, Job], object]] = {
    "submit": lambda engine, queued, failed: engine.submit(task("new")),
    "request": lambda engine, queued, failed: engine.request(SHORT),
    "cancel": lambda engine, queued, failed: engine.cancel(queued.id),
    "resume": lambda engine, queued, failed: engine.resume(failed.id),
}


@pytest.fixture
def who() -> list[str]:
    """Name of the person who calls; empty for a viewer."""
    return ["Ada"]


@pytest.fixture
def engine(tmp_path: Path, who: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    def author() -> str:
        if not who:
            raise AccessError("sign in first")
        return who[0]

    # No worker: the calls themselves are tested.
    monkeypatch.setattr("roboreg_core.jobs.dispatcher.Dispatcher._run_soon", lambda self, action: None)
    engine = Engine(Store(tmp_path, author=author))
    yield engine
    who[:] = ["Ada"]
    engine.close()


def test_the_author_is_recorded(engine: Engine, who: list[str]) -> None:
    job = engine.submit(task("first"))
    assert engine.store.list_jobs()[0].author == job.author == "Ada"
    engine.store.update_job(job.id, status=JobStatus.FAILED)
    who[:] = ["Grace"]
    assert engine.resume(job.id).author == "Grace"


@pytest.mark.parametrize("name", CALLS)
def test_a_viewer_starts_and_cancels_nothing(name: str, engine: Engine, who: list[str]) -> None:
    queued, failed = engine.submit(task("one")), engine.submit(task("two"))
    engine.store.update_job(failed.id, status=JobStatus.FAILED)
    before = engine.store.list_jobs()
    who.clear()
    with pytest.raises(AccessError):
        CALLS[name](engine, queued, failed)
    assert engine.store.list_jobs() == before
