"""Requests: run beside jobs, superseded by the next of their channel, nothing stored."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from roboreg_core.errors import JobError
from roboreg_core.jobs.engine import Engine
from roboreg_core.jobs.request_queue import PendingRequest, RequestStatus
from roboreg_core.jobs.task import Request
from roboreg_core.store.records import JobStatus
from roboreg_core.store.store import Store
from tests.jobs.helpers import done, reached, running, task, until

Status = RequestStatus


def request(
    function: str = "count", channel: str = "me", inputs: dict[str, bytes] | None = None, **spec: Any
) -> Request:
    return Request(channel=channel, function=f"tests.jobs.functions:{function}", spec=spec, inputs=inputs or {})


def answer(pending: PendingRequest) -> dict[str, Any]:
    until(lambda: pending.is_ended)
    assert pending.status is Status.FINISHED, pending.error
    return pending.result


def test_a_request_returns_a_result_and_stores_nothing(engine: Engine, store: Store) -> None:
    pending = engine.request(request("digest", inputs={"weights": b"abc"}))
    assert not pending.is_ended
    assert answer(pending)["sums"]["weights"].startswith("ba7816bf")
    reported = engine.request(request(steps=3))
    assert answer(reported)["counted"] == [1, 2, 3], "what is saved goes nowhere, and nothing is gone on from"
    assert reported.progress["step"] == 3
    assert store.list_jobs() == []
    assert store.get_record("") is None


def test_it_neither_waits_for_a_job_nor_disturbs_it(engine: Engine, store: Store) -> None:
    before = answer(engine.request(request("threads")))["threads"]
    job = engine.submit(task("training", steps=60))
    until(reached(store, job, 3))
    beside = answer(engine.request(request("threads")))["threads"]
    assert (before, beside) == (max(1, before), max(1, before // 2))
    for number in range(5):
        pending = engine.request(request("digest", number=number))
        answer(pending)
    assert running(store, job)()
    ended = done(engine, job)
    assert (ended.status, ended.attempts) == (JobStatus.FINISHED, 1)
    record = store.get_record("training")
    assert record is not None
    assert record.result["counted"] == list(range(1, 61))


def test_the_newest_supersedes_and_others_do_not(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    first = engine.request(request(steps=10_000))
    until(lambda: first.progress)
    other = engine.request(request("digest", channel="another"))
    skipped = engine.request(request("note", path=str(path), name="skipped"))
    last = engine.request(request(steps=2))
    assert first.status is skipped.status is Status.SUPERSEDED
    assert answer(last)["counted"] == [1, 2]
    assert first.progress["step"] < 10_000, "the first one made room before its end"
    answer(other)
    assert not path.exists(), "a question that was superseded before its turn is never begun"
    assert first.result == skipped.result == {}


def test_a_withdrawn_request_frees_the_worker(engine: Engine) -> None:
    endless = engine.request(request(steps=10_000))
    until(lambda: endless.progress)
    engine.withdraw("me")
    assert endless.status is Status.SUPERSEDED
    engine.withdraw("me")
    answer(engine.request(request("digest", channel="another")))


def test_a_request_is_repeated_when_its_worker_dies(engine: Engine, tmp_path: Path) -> None:
    pending = engine.request(request("die", path=str(tmp_path / "once"), times=1))
    assert answer(pending) == {"deaths": 1}
    pid = answer(engine.request(request("environment")))["pid"]
    os.kill(pid, signal.SIGKILL)
    assert answer(engine.request(request("environment")))["pid"] != pid


def test_a_request_that_kills_every_worker_fails_and_the_next_succeeds(engine: Engine, tmp_path: Path) -> None:
    deadly = engine.request(request("die", path=str(tmp_path / "often"), times=9))
    until(lambda: deadly.is_ended)
    assert deadly.status is Status.FAILED
    assert "died 3 times" in deadly.error
    answer(engine.request(request("digest")))


@pytest.mark.parametrize(
    ("how", "error"), [("own", "steps must be 1..9, got 10"), ("other", "ValueError: a line and another")]
)
def test_an_exception_becomes_a_one_line_error(engine: Engine, how: str, error: str) -> None:
    pending = engine.request(request("refuse", how=how))
    until(lambda: pending.is_ended)
    assert (pending.status, pending.error) == (Status.FAILED, error)


def test_malformed_requests_are_refused(engine: Engine) -> None:
    with pytest.raises(JobError, match="module:name"):
        engine.request(Request(channel="me", function="nocolon", spec={}))
    with pytest.raises(JobError, match="lane must be"):
        engine.request(Request(channel="me", function="module:name", spec={}, lane="fast"))
