"""Networks through the real engine: trained, cancelled in the second epoch, resumed, uploaded, refused."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from roboreg_core.errors import CheckpointError, StoreError
from roboreg_core.evaluation.logits import logits
from roboreg_core.jobs.engine import Engine
from roboreg_core.models.resnet import ResNet
from roboreg_core.networks import execute
from roboreg_core.networks.management import check_name
from roboreg_core.networks.registry import checkpoint_of, dense_networks, find
from roboreg_core.networks.spec import NETWORK, TrainingSpec, UploadSpec
from roboreg_core.networks.start import start, unfinished
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.store.store import Store
from roboreg_core.wording import job_progress
from tests.jobs.helpers import current, payloads, until

SPEC = TrainingSpec(name="mine", epochs=2, training_set="bundled", batch_size=50, seed=4)
# Generous: a loaded machine takes several times as long.
SECONDS = 300.0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def engine(store: Store) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ROBOREG_SCHEDULER", raising=False)
        patch.setattr(execute, "FUNCTION", "tests.networks.functions:small")
        engine = Engine(store)
        yield engine
        engine.close()


def epochs(store: Store, job: Job) -> list[int]:
    return [payload["history"]["epoch"] for payload in payloads(store, job) if "history" in payload]


@pytest.mark.slow
def test_a_cancelled_training_goes_on_to_what_an_uninterrupted_one_gives(engine: Engine, store: Store) -> None:
    job = start(engine, SPEC)
    assert start(engine, replace(SPEC, name="started twice")).id == job.id
    until(lambda: current(store, job).state and current(store, job).progress.get("epoch") == 2, timeout=SECONDS)
    with pytest.raises(StoreError, match="the name 'mine' is taken"):
        check_name(store, "mine")
    engine.cancel(job.id)
    cancelled = engine.wait(job.id, SECONDS)
    assert (cancelled.status, epochs(store, job)) == (JobStatus.CANCELLED, [1])
    assert "epoch 2 of 2" in job_progress.stage_words(cancelled.progress)
    assert dense_networks(store)[1:] == []

    assert unfinished(store, SPEC) == cancelled
    assert start(engine, SPEC).id == job.id
    resumed = engine.wait(job.id, SECONDS)
    assert (resumed.status, epochs(store, job)) == (JobStatus.FINISHED, [1, 2]), resumed.error
    mine = find(store, "mine")
    assert mine.origin == "trained"

    # The same once more, from the beginning and in one go.
    assert mine.record is not None
    store.delete_record(mine.record.id)
    whole = engine.wait(start(engine, SPEC).id, SECONDS)
    assert whole.id != job.id
    again = find(store, "mine")
    assert again.sha256 == mine.sha256
    assert again.accuracy == mine.accuracy
    loss = [[epoch["loss"] for epoch in each.record.result["history"]] for each in (mine, again) if each.record]
    assert loss[0] == loss[1]
    assert job_progress.accuracies(store.list_events(whole.id)) == {"network": mine.accuracy}


def test_an_upload_becomes_a_network(engine: Engine, store: Store, trained: ResNet, few_images: Any) -> None:
    content = torch_bytes({f"module.{key}": value for key, value in trained.state_dict().items()})
    spec = replace(UploadSpec.of(content, "public.th", "public"), normalisation="imagenet")
    job = start(engine, spec, content)
    assert (job.lane, job.kind) == ("light", NETWORK)
    assert engine.wait(job.id, SECONDS).status is JobStatus.FINISHED
    found = find(store, "PUBLIC")
    assert (found.origin, found.images) == ("uploaded", 100)
    assert torch.equal(logits(checkpoint_of(found, store).model, few_images), logits(trained, few_images))
    assert start(engine, replace(spec, name="again"), content).status is JobStatus.FINISHED
    assert [each.name for each in dense_networks(store)].count("again") == 0


class Code:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def test_code_in_an_upload_fails_the_job_and_is_not_run(engine: Engine, store: Store, tmp_path: Path) -> None:
    marker = tmp_path / "was here"
    content = pickle.dumps(Code(marker))
    job = engine.wait(start(engine, UploadSpec.of(content, "evil.pt", "evil"), content).id, SECONDS)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.startswith("the file evil.pt must be a safetensors file or a PyTorch state dict")
    assert not marker.exists()
    assert "evil" not in [each.name for each in dense_networks(store)]


def test_a_file_of_the_wrong_size_is_never_queued(engine: Engine, store: Store) -> None:
    before = len(store.list_jobs())
    huge = UploadSpec(name="huge", sha256="0" * 64, file_name="huge.pt", size=500 * 2**20)
    with pytest.raises(CheckpointError, match="at most 64 MB, got 500 MB"):
        start(engine, huge, b"")
    with pytest.raises(StoreError, match="the name 'dense' is taken"):
        start(engine, replace(SPEC, name="dense", seed=9))
    assert len(store.list_jobs()) == before


def torch_bytes(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()
