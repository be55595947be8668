"""A real run through the job engine, its worker killed in the middle."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from roboreg_core.jobs.engine import Engine
from roboreg_core.models import checkpoints
from roboreg_core.runs.execute import task_for
from roboreg_core.runs.spec import spec_for
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.store.store import Store
from tests.jobs.helpers import current, payloads, until, worker_pid

EPOCHS = 3
# Generous: a loaded machine takes several times as long.
EPOCH_SECONDS = 300.0


def epochs_told(store: Store, job: Job) -> list[int]:
    return [payload["history"]["epoch"] for payload in payloads(store, job) if "history" in payload]


@pytest.mark.slow
def test_a_killed_worker_does_not_cost_the_run(home: Path) -> None:
    store = Store(home)
    dense = checkpoints.load("dense")
    # What this method leaves is so little that a few images teach it something in every epoch.
    spec = spec_for(presets()["aggressive"], dense, "bundled", method="source", epochs=EPOCHS)
    engine = Engine(store)
    try:
        job = engine.submit(replace(task_for(spec, dense, store), function="tests.jobs.functions:run_on_few_images"))
        until(lambda: current(store, job).state and epochs_told(store, job) == [1], timeout=EPOCH_SECONDS)
        os.kill(worker_pid(store, job), signal.SIGKILL)
        ended = engine.wait(job.id, timeout=EPOCHS * EPOCH_SECONDS)
    finally:
        engine.close()
    assert ended.status is JobStatus.FINISHED, ended.error
    assert [payload["worker"] for payload in payloads(store, job) if "worker" in payload].count("lost") == 1
    assert epochs_told(store, job) == [1, 2, 3], "the second worker goes on from the first one's"
    record = store.find_record(spec.id)
    assert [epoch["epoch"] for epoch in record.result["history"]] == [1, 2, 3]
    assert record.result["history"][-1]["loss"] < record.result["history"][0]["loss"]
