from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from roboreg_core.cli import app
from roboreg_core.data import sources
from roboreg_core.data.images import Images
from roboreg_core.device import computed_in
from roboreg_core.errors import CheckpointError
from roboreg_core.model import checkpoints
from roboreg_core.training import dense
from roboreg_core.training.dense import DenseJob, train_dense, train_together
from roboreg_core.training.loop import EpochRecord, StepProgress
from tests.training.helpers import SPEC

SHORT = replace(SPEC, epochs=2, batch_size=25, learning_rate=1e-3)


@pytest.fixture(autouse=True)
def few(few_images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty images in every role: what is trained here is of no use."""
    for name in ("validation_images", "test_images"):
        monkeypatch.setattr(sources, name, lambda: few_images)
    monkeypatch.setattr(sources, "training_images", lambda name: few_images)


def jobs(folder: Path, *, resume: bool = False) -> list[DenseJob]:
    return [
        DenseJob(spec=replace(SHORT, seed=seed), out=folder / f"{seed}.safetensors", device="cpu", resume=resume)
        for seed in (3, 4)
    ]


def test_dense_networks_together_are_those_alone(tmp_path: Path) -> None:
    told: list[StepProgress] = []
    epochs: list[EpochRecord] = []
    reports = train_together(jobs(tmp_path / "together"), on_epoch=epochs.append, on_step=told.append)
    assert (len(told), len(epochs)) == (4, 4)
    for job, other, figures in zip(jobs(tmp_path / "together"), jobs(tmp_path / "alone"), reports, strict=True):
        train_dense(other)
        mine, alone = checkpoints.load(str(job.out)), checkpoints.load(str(other.out))
        torch.testing.assert_close(mine.model.state_dict(), alone.model.state_dict(), rtol=1e-4, atol=1e-4)
        assert mine.card["accuracy"]["test"] == figures.accuracy
        assert mine.card["environment"]["together"] == 2
        used = computed_in(job.spec.precision, torch.device("cpu"))
        assert mine.card["environment"]["precision"] == used
        assert mine.card["seed"] == job.spec.seed
        assert not job.state.exists()


def test_taught_together_their_cards_name_the_teacher(tmp_path: Path) -> None:
    taught = [replace(job, spec=replace(job.spec, distil_weight=0.9)) for job in jobs(tmp_path / "taught")]
    train_together(taught)
    train_together(jobs(tmp_path / "untaught"))
    shipped = checkpoints.load("dense")
    for job in taught:
        made = checkpoints.load(str(job.out))
        assert made.card["teacher"] == {"name": "dense", "sha256": shipped.sha256}
        other = checkpoints.load(str(tmp_path / "untaught" / job.out.name))
        assert made.content != other.content
        assert "teacher" not in other.card


def test_broken_off_together_they_go_on_together_or_alone(tmp_path: Path) -> None:
    def breaks(record: EpochRecord) -> None:
        if record.epoch == 1 and len(list(tmp_path.glob("*.state"))) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_together(jobs(tmp_path), on_epoch=breaks)
    with pytest.raises(CheckpointError, match="add --resume to go on"):
        train_together(jobs(tmp_path))
    first, second = jobs(tmp_path, resume=True)
    (tmp_path / "copy").mkdir()
    for job in (first, second):
        (tmp_path / "copy" / job.state.name).write_bytes(job.state.read_bytes())
    train_together([first, second])
    alone = replace(first, out=tmp_path / "copy" / first.out.name)
    train_dense(alone)
    done, again = checkpoints.load(str(first.out)), checkpoints.load(str(alone.out))
    for card in (done.card, again.card):
        assert len(card["history"]) == first.spec.epochs
        assert card["environment"]["seconds"] == pytest.approx(sum(epoch["seconds"] for epoch in card["history"]))
    torch.testing.assert_close(done.model.state_dict(), again.model.state_dict(), rtol=1e-4, atol=1e-4)


def test_states_that_are_not_all_there_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter([b"a state", None])
    monkeypatch.setattr(dense, "_resumable", lambda job: next(states))
    with pytest.raises(CheckpointError, match="must all have left a state; resume them one after another"):
        train_together(jobs(tmp_path))


@pytest.mark.parametrize("option", ["--together", "--no-together"])
def test_the_command_saves_a_file_for_each_seed(tmp_path: Path, option: str) -> None:
    out = tmp_path / "net.safetensors"
    given = ["train", "--epochs", "1", "--seeds", "0,2,0", option, "--device", "cpu", "--out", str(out)]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output
    assert {path.name for path in tmp_path.glob("*.safetensors")} == {"net-seed0.safetensors", "net-seed2.safetensors"}
    together = checkpoints.load(str(tmp_path / "net-seed2.safetensors")).card["environment"].get("together")
    assert together == (2 if option == "--together" else None)
