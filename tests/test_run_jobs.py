"""A real run through the job engine, its worker killed in the middle."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from roboreg_core import runs
from roboreg_core.jobs.engine import Engine
from roboreg_core.model import checkpoints
from roboreg_core.schedule import PRESETS
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.store.store import Store
from tests.jobs.helpers import payloads, until

EPOCHS = 3


def epochs_told(store: Store, job: Job) -> list[int]:
    return [payload["history"]["epoch"] for payload in payloads(store, job) if "history" in payload]


@pytest.mark.slow
def test_a_killed_worker_does_not_cost_the_run(home: Path) -> None:
    store = Store(home)
    dense = checkpoints.load("dense")
    spec = runs.spec_for(PRESETS["aggressive"], dense, "bundled", epochs=EPOCHS)
    engine = Engine(store)
    try:
        job = engine.submit(runs.task_for(spec, dense, store))
        until(lambda: epochs_told(store, job) and store.get_job(job.id).state, timeout=200)  # type: ignore[union-attr]
        for process in psutil.Process().children(recursive=True):
            if process.cpu_percent(0.2) > 30:
                process.kill()
        ended = engine.wait(job.id, timeout=300)
    finally:
        engine.close()
    assert ended.status is JobStatus.FINISHED, ended.error
    assert any(payload.get("worker") == "lost" for payload in payloads(store, job))
    assert epochs_told(store, job) == [1, 2, 3]
    record = store.find_record(spec.id)
    assert [epoch["epoch"] for epoch in record.result["history"]] == [1, 2, 3]
    assert record.result["stages"]["tuned"]["accuracy"] > record.result["stages"]["pruned"]["accuracy"]
