import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from roboreg_core import paths
from roboreg_core.datasets.images import Images
from roboreg_core.errors import CheckpointError
from roboreg_core.evaluation.logits import logits
from roboreg_core.models import checkpoints
from roboreg_core.models.normalisation import Normalisation
from roboreg_core.models.resnet import ResNet
from roboreg_core.schedules.schedule import Schedule, presets

Make = Callable[..., ResNet]


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('ran')",))


def test_a_pruned_network_reloads_to_the_same_logits(make_network: Make, few_images: Images, tmp_path: Path) -> None:
    model = make_network(Schedule((1, 16, 3, 4, 5, 32, 7, 64, 9)))
    path = checkpoints.save(tmp_path / "small", model, seed=4)
    loaded = checkpoints.load(path)
    assert path.name == "small.safetensors"
    assert loaded.model.schedule == model.schedule
    assert loaded.card["seed"] == 4
    assert loaded.card["sha256"] == loaded.sha256
    assert torch.equal(logits(loaded.model, few_images), logits(model, few_images))


def test_normalisation_travels_in_the_file(tmp_path: Path) -> None:
    wanted = Normalisation(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    content = checkpoints.to_bytes(ResNet(presets()["quarter"], wanted))
    assert checkpoints.from_bytes(content).model.normalisation == wanted


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("head", ["linear", "fc"])
@pytest.mark.parametrize("suffix", [".th", ".pt"])
def test_foreign_weights_load(
    make_network: Make, few_images: Images, tmp_path: Path, wrapped: bool, prefix: str, head: str, suffix: str
) -> None:
    model = make_network()
    names = {key: key.replace("linear", head) for key in model.state_dict()}
    state = {prefix + names[key]: value for key, value in model.state_dict().items() if "num_batches" not in key}
    path = tmp_path / f"public{suffix}"
    torch.save({"state_dict": state, "best_prec1": 91.7} if wrapped else state, path)
    loaded = checkpoints.load(path)
    assert torch.equal(logits(loaded.model, few_images), logits(model, few_images))
    assert loaded.source == {"place": "state_dict", "recorded_accuracy": 0.917} if wrapped else {"place": ""}


def test_foreign_safetensors_load(make_network: Make, few_images: Images, tmp_path: Path) -> None:
    model = make_network(presets()["quarter"])
    safetensors.torch.save_file(model.state_dict(), tmp_path / "plain.safetensors")
    loaded = checkpoints.load(tmp_path / "plain.safetensors")
    assert torch.equal(logits(loaded.model, few_images), logits(model, few_images))


def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "bad.th"
    path.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(CheckpointError, match="weights_only=True"):
        checkpoints.load(path)
    torch.save({"state_dict": Malicious()}, path)
    with pytest.raises(CheckpointError, match="weights_only=True"):
        checkpoints.load(path)


def broken(state: dict[str, torch.Tensor]) -> list[tuple[str, dict[str, torch.Tensor], str]]:
    deeper = state | {f"layer1.{n}.conv1.weight": torch.zeros(16, 16, 3, 3) for n in range(3, 21)}
    return [
        ("missing", {k: v for k, v in state.items() if k != "bn1.weight"}, "must hold bn1.weight of shape"),
        ("shape", state | {"linear.weight": torch.zeros(100, 64)}, r"linear.bias must have shape \(100,\)"),
        (
            "deeper",
            deeper,
            "the same number of blocks in each of 3 stages, got 21, 3, 3",
        ),
        (
            "option B",
            state | {"layer2.0.shortcut.0.weight": torch.zeros(32, 16, 1, 1)},
            r"must hold layer2\.0\.shortcut\.1",
        ),
        ("wide", state | {"layer1.0.conv1.weight": torch.zeros(17, 16, 3, 3)}, r"must be 1\.\.16, got 17"),
        ("NaN", state | {"linear.bias": torch.full((10,), torch.nan)}, "finite"),
        ("more", state | {"other.weight": torch.zeros(2)}, "got also other.weight"),
    ]


@pytest.mark.parametrize("case", range(7))
def test_a_different_network_is_detected(make_network: Make, tmp_path: Path, case: int) -> None:
    _, state, reason = broken(make_network().state_dict())[case]
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match=reason):
        checkpoints.load(tmp_path / "other.pt")


@pytest.mark.parametrize("size", [0, 7, 100, 5_000])
def test_a_truncated_file_is_refused(make_network: Make, tmp_path: Path, size: int) -> None:
    content = checkpoints.to_bytes(make_network())
    path = tmp_path / "cut.safetensors"
    path.write_bytes(content[:size])
    with pytest.raises(CheckpointError, match=r"must (be a safetensors file|hold weights)"):
        checkpoints.load(path)


def test_a_file_that_differs_from_its_card_is_refused(make_network: Make, tmp_path: Path) -> None:
    path = checkpoints.save(tmp_path / "net", make_network())
    card = json.loads(checkpoints.card_path(path).read_text())
    checkpoints.card_path(path).write_text(json.dumps(card | {"sha256": "0" * 64}))
    with pytest.raises(CheckpointError, match="SHA-256 of its card"):
        checkpoints.load(path)


def test_a_far_too_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.pt"
    with path.open("wb") as file:
        file.truncate(500 * 2**20)
    with pytest.raises(CheckpointError, match="at most 64 MB, got 500 MB"):
        checkpoints.load(path)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match=r"name in checkpoints/ \(.*\), got 'nothing'"):
        checkpoints.load("nothing")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        paths.write_atomically(path, b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"
