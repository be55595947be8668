from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from roboreg_core.cli.verbs import app
from roboreg_core.datasets import sources
from roboreg_core.datasets.images import Images
from roboreg_core.device import computed_in
from roboreg_core.errors import CheckpointError
from roboreg_core.models import checkpoints
from roboreg_core.training.dense_training import DenseJob, train_dense
from roboreg_core.training.loop import EpochRecord, StepProgress
from tests.training.helpers import SPEC

SHORT = replace(SPEC, epochs=2, batch_size=25, learning_rate=1e-3)


@pytest.fixture(autouse=True)
def few(few_images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty images as training, validation and test images."""
    for name in ("validation_images", "test_images"):
        monkeypatch.setattr(sources, name, lambda choice="auto": few_images)
    monkeypatch.setattr(sources, "training_images", lambda choice="auto": few_images)


def jobs(folder: Path, *, resume: bool = False) -> list[DenseJob]:
    return [
        DenseJob(spec=replace(SHORT, seed=seed), out=folder / f"{seed}.safetensors", device="cpu", resume=resume)
        for seed in (3, 4)
    ]


def test_the_card_says_how_a_network_was_trained(tmp_path: Path) -> None:
    steps: list[StepProgress] = []
    epochs: list[EpochRecord] = []
    job = jobs(tmp_path)[0]
    figures = train_dense(job, on_epoch=epochs.append, on_step=steps.append)
    card = checkpoints.load(str(job.out)).card
    assert (len(steps), len(epochs)) == (4, 2)
    assert card["accuracy"]["test"] == figures.accuracy
    assert card["environment"]["precision"] == computed_in(job.spec.precision, torch.device("cpu"))
    assert card["seed"] == job.spec.seed
    assert "teacher" not in card
    assert not job.state.exists()


def test_the_card_names_the_teacher(tmp_path: Path) -> None:
    job = jobs(tmp_path)[0]
    taught = replace(job, spec=replace(job.spec, distil_weight=0.9), out=tmp_path / "taught.safetensors")
    train_dense(job)
    train_dense(taught)
    made = checkpoints.load(str(taught.out))
    assert made.card["teacher"] == {"name": "dense", "sha256": checkpoints.load("dense").sha256}
    assert made.content != checkpoints.load(str(job.out)).content


def test_an_interrupted_training_resumes_to_the_same_network(tmp_path: Path) -> None:
    def interrupt(record: EpochRecord) -> None:
        raise KeyboardInterrupt

    job = jobs(tmp_path)[0]
    with pytest.raises(KeyboardInterrupt):
        train_dense(job, on_epoch=interrupt)
    with pytest.raises(CheckpointError, match="add --resume to continue"):
        train_dense(job)
    train_dense(replace(job, resume=True))
    whole = replace(job, out=tmp_path / "whole.safetensors")
    train_dense(whole)
    resumed, uninterrupted = (checkpoints.load(str(each.out)) for each in (job, whole))
    assert resumed.content == uninterrupted.content
    card = resumed.card
    assert len(card["history"]) == job.spec.epochs
    assert card["environment"]["seconds"] == pytest.approx(sum(epoch["seconds"] for epoch in card["history"]))


def test_the_command_saves_a_file_for_each_seed(tmp_path: Path) -> None:
    out = tmp_path / "net.safetensors"
    given = ["train", "--epochs", "1", "--seeds", "0,2,0", "--device", "cpu", "--out", str(out)]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output
    assert {path.name for path in tmp_path.glob("*.safetensors")} == {"net-seed0.safetensors", "net-seed2.safetensors"}
