from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from roboreg_core.datasets import sources
from roboreg_core.datasets.images import Images
from roboreg_core.device import computed_in
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.logits import logits
from roboreg_core.jobs.task import LocalContext, Output, Stopped
from roboreg_core.models import checkpoints
from roboreg_core.models.resnet import ResNet
from roboreg_core.networks.execute import execute, task_for
from roboreg_core.networks.registry import checkpoint_of, dense_networks, find
from roboreg_core.networks.spec import NETWORK, TrainingSpec, UploadSpec
from roboreg_core.networks.start import existing, make
from roboreg_core.runs.dense_network import dense_content
from roboreg_core.runs.local import run_here
from roboreg_core.runs.spec import spec_for
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.store import Store
from roboreg_core.training.dense_training import DenseJob, train_dense
from roboreg_core.wording import job_progress

SPEC = TrainingSpec(name="mine", epochs=3, training_set="bundled", batch_size=16, seed=4, device="cpu")


class Listener(LocalContext):
    """Keeps the reports, and stops in the middle of the epoch after `whole`."""

    def __init__(self, whole: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reported: list[dict[str, Any]] = []
        self.states: list[bytes] = []
        self.on_report = self.reported.append
        self.on_save = self.states.append
        self.whole = whole

    def should_stop(self) -> bool:
        if self.whole is None or len(self.states) < self.whole:
            return False
        return self.reported[-1].get("epoch") == self.whole + 1


def without_times(output: Output) -> dict[str, Any]:
    kept = {name: value for name, value in output.result.items() if name not in ("seconds", "speed")}
    return {**kept, "history": [{**epoch, "seconds": 0.0} for epoch in kept["history"]]}


@pytest.fixture(scope="module")
def uninterrupted(few_images: Images) -> tuple[Output, Listener]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("training_images", "validation_images", "test_images"):
            patch.setattr(sources, name, lambda *choice: few_images)
        listener = Listener()
        return execute(SPEC.to_json(), listener), listener


def test_the_result_of_a_training(uninterrupted: tuple[Output, Listener], few_images: Images) -> None:
    output, _ = uninterrupted
    result = json.loads(json.dumps(output.result))
    assert [epoch["epoch"] for epoch in result["history"]] == [1, 2, 3]
    assert (result["recipe"], result["training_set"], result["seed"]) == ("best", "bundled", 4)
    assert len(result["per_class"]) == 10
    assert result["images"] == 50
    assert result["environment"]["precision"] == computed_in("bfloat16", torch.device("cpu"))
    assert result["speed"]["train"] > 0 < result["speed"]["evaluate"]
    assert result["seconds"] == pytest.approx(sum(epoch["seconds"] for epoch in result["history"]))
    content = output.artifacts["weights"]
    assert result["weights"] == hashlib.sha256(content).hexdigest()
    loaded = checkpoints.from_bytes(content)
    assert loaded.model.schedule == presets()["dense"]
    right = (logits(loaded.model, few_images).argmax(1) == few_images.labels).float().mean().item()
    assert result["accuracy"] == pytest.approx(right)


def test_progress_has_the_form_of_a_runs(uninterrupted: tuple[Output, Listener]) -> None:
    reported = uninterrupted[1].reported
    fractions = [payload["fraction"] for payload in reported]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < fractions[-1] <= 1
    stages = list(dict.fromkeys(payload["stage"] for payload in reported))
    assert stages == ["images", "train", "measure"]
    assert all(job_progress.stage_words(payload) != job_progress.STARTING for payload in reported)
    words = [job_progress.stage_words(payload) for payload in reported if payload.get("epoch") == 2]
    assert words[0].endswith("epoch 2 of 3")
    assert [payload["history"]["epoch"] for payload in reported if "history" in payload] == [1, 2, 3]
    assert all(payload["remaining_seconds"] >= 0 for payload in reported)


@pytest.mark.parametrize("whole", [1, 2])
def test_a_training_stopped_within_an_epoch_goes_on_to_the_same_bytes(
    uninterrupted: tuple[Output, Listener], whole: int
) -> None:
    stopped = Listener(whole=whole)
    with pytest.raises(Stopped):
        execute(SPEC.to_json(), stopped)
    assert len(stopped.states) == whole
    rest = Listener(state=stopped.states[-1])
    output = execute(SPEC.to_json(), rest)
    assert output.artifacts == uninterrupted[0].artifacts
    assert without_times(output) == without_times(uninterrupted[0])
    assert [payload["history"]["epoch"] for payload in rest.reported if "history" in payload] == [*range(whole + 1, 4)]


def test_the_same_seed_gives_the_same_bytes_another_seed_others(uninterrupted: tuple[Output, Listener]) -> None:
    again = execute(replace(SPEC, name="other").to_json(), Listener())
    assert again.artifacts == uninterrupted[0].artifacts
    assert execute(replace(SPEC, seed=5).to_json(), Listener()).artifacts != again.artifacts


def test_its_command_trains_the_same_network(uninterrupted: tuple[Output, Listener], tmp_path: Path) -> None:
    out = tmp_path / "net.safetensors"
    job = DenseJob(spec=SPEC.training(), out=out, training_set="bundled", device="cpu")
    train_dense(job)
    assert out.read_bytes() == uninterrupted[0].artifacts["weights"]
    decay = f" --decay-epochs {SPEC.training().decay_epochs}"
    assert job.command().replace(decay, "") == SPEC.command()


def test_a_distilled_training_uses_the_shipped_network_as_teacher(
    uninterrupted: tuple[Output, Listener], tmp_path: Path
) -> None:
    spec = replace(SPEC, recipe="distilled")
    output = execute(spec.to_json(), Listener())
    assert output.result["recipe"] == "distilled"
    job = DenseJob(spec=spec.training(), out=tmp_path / "net.safetensors", training_set="bundled", device="cpu")
    train_dense(job)
    assert job.out.read_bytes() == output.artifacts["weights"] != uninterrupted[0].artifacts["weights"]
    shipped = checkpoints.load("dense")
    assert job.command(shipped) == spec.command(shipped.sha256)
    assert f" --teacher {shipped.sha256[:12]} " in spec.command(shipped.sha256)
    assert find(Store(tmp_path / "home"), shipped.sha256[:12]).name == "dense"
    assert checkpoints.load(str(job.out)).card["teacher"] == {"name": "dense", "sha256": shipped.sha256}
    assert output.result["teacher"] == {"name": "dense", "sha256": shipped.sha256}
    mine = checkpoints.load(str(job.out))
    again = replace(job, out=tmp_path / "again.safetensors", teacher=mine, teacher_name="my net.safetensors")
    train_dense(again)
    assert " --teacher 'my net.safetensors' " in again.command(mine)
    assert checkpoints.load(str(again.out)).card["teacher"]["sha256"] == mine.sha256
    assert again.out.read_bytes() != job.out.read_bytes()


def test_an_upload_is_read_and_measured(store: Store, dense: ResNet, few_images: Images) -> None:
    content = checkpoints.to_bytes(dense)
    made = make(store, UploadSpec.of(content, "net.safetensors", "theirs"), content)
    assert (made.origin, made.name, made.images, made.recipe, made.seed) == ("uploaded", "theirs", 50, "", None)
    right = (logits(dense, few_images).argmax(1) == few_images.labels).float().mean().item()
    assert made.accuracy == pytest.approx(right)
    loaded = checkpoint_of(made, store)
    assert loaded.content == content
    assert loaded.sha256 == made.sha256
    assert torch.equal(logits(loaded.model, few_images), logits(dense, few_images))


def test_other_bytes_than_those_that_were_announced_are_refused(store: Store) -> None:
    spec = UploadSpec.of(b"these", "net.pt", "theirs")
    with pytest.raises(SpecError, match="the file must have SHA-256"):
        execute(spec.to_json(), LocalContext(inputs={"file": b"those"}))
    with pytest.raises(SpecError, match="the file must have SHA-256"):
        task_for(spec, store, b"those")
    with pytest.raises(SpecError, match="requires the file's content"):
        task_for(spec, store)
    with pytest.raises(SpecError, match="takes no file"):
        task_for(SPEC, store, b"these")


def test_what_is_made_is_found_and_not_made_again(store: Store) -> None:
    assert existing(store, SPEC) is None
    made = make(store, SPEC)
    assert dense_networks(store)[1:] == [made]
    assert find(store, "MINE") == made
    assert find(store, made.sha256[:6]) == made
    assert make(store, replace(SPEC, name="other")) == made
    assert len(store.list_records(NETWORK)) == 1


def test_a_training_here_goes_on_after_an_interruption(
    store: Store, uninterrupted: tuple[Output, Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(payload: dict[str, Any]) -> None:
        if payload.get("epoch") == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(store, SPEC, on_report=interrupt)
    reported: list[dict[str, Any]] = []
    made = make(store, SPEC, on_report=reported.append)
    assert [payload["history"]["epoch"] for payload in reported if "history" in payload] == [2, 3]
    assert made.sha256 == uninterrupted[0].result["weights"]


def test_a_run_from_it_finds_it_even_when_it_is_gone(store: Store) -> None:
    made = make(store, SPEC)
    loaded = checkpoint_of(made, store)
    spec = spec_for(presets()["aggressive"], loaded, "bundled", epochs=0)
    record = run_here(spec, {"dense": loaded.content}, store)
    assert record.spec["dense"] == "mine"
    assert record.spec["dense_sha256"] == made.sha256
    assert "--from mine" in record.result["command"]
    assert dense_content(record, store) == loaded.content
    assert made.record is not None
    store.delete_record(made.record.id)
    assert dense_content(record, store) == loaded.content
    store.delete_record(record.id)
    assert made.sha256 not in store.artifacts


def test_a_card_goes_with_its_weights(store: Store, put: Callable[..., Any]) -> None:
    made = make(store, SPEC)
    card = checkpoint_of(made, store).card
    assert card["sha256"] == made.sha256
    assert card["accuracy"]["test"] == made.accuracy
    assert card["recipe"] == SPEC.training().to_json()
    assert card["reproduce"] == SPEC.command()
    other = put("theirs")
    card = checkpoint_of(other, store).card
    assert card["uploaded"] == {"file_name": "net.safetensors"}
    assert card["notes"] == ["ImageNet normalisation assumed"]
