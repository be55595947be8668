"""Uploaded networks: common formats are read, everything else is refused with a reason, no code is run."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from roboreg_core.architecture import Architecture
from roboreg_core.datasets.images import Images
from roboreg_core.errors import CheckpointError
from roboreg_core.evaluation.logits import logits
from roboreg_core.models import checkpoints
from roboreg_core.models.file_formats import MAX_BYTES
from roboreg_core.models.resnet import ResNet
from roboreg_core.networks import uploaded_weights
from roboreg_core.networks.registry import checkpoint_of
from roboreg_core.networks.spec import UploadSpec
from roboreg_core.networks.start import make
from roboreg_core.schedules.schedule import dense_schedule, presets
from roboreg_core.store.store import Store
from tests.conftest import random_network
from tests.tolerance import assert_same_logits

State = dict[str, Any]


def torch_bytes(value: Any, **how: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **how)
    return buffer.getvalue()


class Code:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


PUBLIC: dict[str, Callable[[State], tuple[bytes, str]]] = {
    "state dict": lambda state: (torch_bytes(state), "net.pt"),
    "module.": lambda state: (torch_bytes({f"module.{key}": value for key, value in state.items()}), "net.th"),
    "wrapped, with accuracy": lambda state: (torch_bytes({"state_dict": state, "best_prec1": 91.7}), "NET.PTH"),
    "fc": lambda state: (torch_bytes({key.replace("linear.", "fc."): value for key, value in state.items()}), "a.pt"),
    "old format": lambda state: (torch_bytes(state, _use_new_zipfile_serialization=False), "old.pt"),
    "half precision": lambda state: (torch_bytes({key: value.half() for key, value in state.items()}), "h.pt"),
    "plain safetensors": lambda state: (safetensors.torch.save(state), "plain.safetensors"),
    "no counters": lambda state: (torch_bytes({k: v for k, v in state.items() if "num_batches" not in k}), "c.pt"),
}


@pytest.mark.parametrize("form", PUBLIC)
def test_public_forms_are_read(dense: ResNet, few_images: Images, form: str) -> None:
    content, file_name = PUBLIC[form](dense.state_dict())
    loaded = uploaded_weights.read(content, file_name)
    assert loaded.source is not None
    assert loaded.content == checkpoints.to_bytes(loaded.model)
    wanted, found = logits(dense, few_images), logits(loaded.model, few_images)
    if form != "half precision":
        assert torch.equal(found, wanted)
    assert_same_logits(found, wanted, dtype=torch.float16)


def test_our_own_format_keeps_its_bytes(dense: ResNet) -> None:
    content = checkpoints.to_bytes(dense)
    loaded = uploaded_weights.read(content, "some where/net.SafeTensors")
    assert loaded.content == content
    assert loaded.notes == ()
    assert loaded.name == "net.SafeTensors"


def test_a_public_network_is_kept_and_measured(store: Store, trained: ResNet, few_images: Images) -> None:
    content, file_name = PUBLIC["wrapped, with accuracy"](trained.state_dict())
    spec = replace(UploadSpec.of(content, file_name, "public"), normalisation="imagenet")
    made = make(store, spec, content)
    right = (logits(trained, few_images).argmax(1) == few_images.labels).float().mean().item()
    assert made.accuracy == pytest.approx(right)
    assert made.sha256 == checkpoints.load("dense").sha256
    assert made.notes[0].startswith("normalisation imagenet as requested; 50 validation images: ")
    assert made.notes[1] == "the file records an accuracy of 91.70% (best_prec1)"
    uploaded = checkpoint_of(made, store).card["uploaded"]
    assert (uploaded["file_name"], uploaded["recorded_accuracy"]) == (file_name, 0.917)
    assert uploaded["inputs"]["normalisation"] == "imagenet"
    assert {each["shortcut"] for each in uploaded["inputs"]["tried"]} == {"A", "A-end"}


def test_a_public_network_that_fits_no_images_is_refused(store: Store, dense: ResNet) -> None:
    content, file_name = PUBLIC["fc"](dense.state_dict())
    with pytest.raises(CheckpointError, match="this network does not fit these images"):
        make(store, UploadSpec.of(content, file_name, "public"), content)
    assert store.list_records() == []


def test_a_network_of_ours_within_chance_is_kept_with_a_note(store: Store, dense: ResNet) -> None:
    content = checkpoints.to_bytes(dense)
    made = make(store, UploadSpec.of(content, "net.safetensors", "random"), content)
    assert "this network does not fit these images" in made.notes[0]


REFUSED = {
    "bare": r"readable with weights_only=True, got something else than tensors",
    "among weights": r"readable with weights_only=True, got one that asks for code \(\w+\.mkdir\), which is never run",
    "old format": r"readable with weights_only=True, got one that asks for code \(\w+\.mkdir\), which is never run",
    "as safetensors": "must be a safetensors file",
}


@pytest.mark.parametrize("place", REFUSED)
def test_code_in_a_file_is_refused_and_not_run(dense: ResNet, tmp_path: Path, place: str) -> None:
    marker = tmp_path / "was here"
    content, file_name = {
        "bare": (pickle.dumps(Code(marker)), "net.pt"),
        "among weights": (torch_bytes({**dense.state_dict(), "linear.bias": Code(marker)}), "net.pth"),
        "old format": (torch_bytes({"state_dict": Code(marker)}, _use_new_zipfile_serialization=False), "net.th"),
        "as safetensors": (pickle.dumps(Code(marker)), "net.safetensors"),
    }[place]
    with pytest.raises(CheckpointError, match=REFUSED[place]):
        uploaded_weights.read(content, file_name)
    assert not marker.exists()
    pickle.loads(pickle.dumps(Code(marker)))
    assert marker.exists(), "the code would have run"


WRONG: dict[str, tuple[Callable[[State], State], str]] = {
    "shape": (
        lambda state: {**state, "linear.weight": torch.zeros(10, 32)},
        r"linear\.weight must have shape \(10, 64\), got \(10, 32\)",
    ),
    "missing": (lambda state: {k: v for k, v in state.items() if k != "bn1.weight"}, r"must hold bn1\.weight of shape"),
    "unexpected": (lambda state: {**state, "head.weight": torch.zeros(2)}, r"got also head\.weight"),
    "option B": (
        lambda state: {**state, "layer2.0.shortcut.0.weight": torch.zeros(32, 16, 1, 1)},
        r"must hold layer2\.0\.shortcut\.1\.weight of shape",
    ),
    "ResNet-18": (
        lambda state: {**state, "layer4.0.conv1.weight": torch.zeros(8, 8, 3, 3)},
        r"got also layer4\.0\.conv1\.weight",
    ),
    "NaN": (
        lambda state: {**state, "linear.bias": torch.full((10,), torch.nan)},
        r"linear\.bias must hold finite numbers",
    ),
    "infinite": (
        lambda state: {**state, "bn1.bias": torch.full((16,), torch.inf)},
        r"bn1\.bias must hold finite numbers",
    ),
    "variances": (
        lambda state: {**state, "bn1.running_var": torch.full((16,), -1.0)},
        r"bn1\.running_var must hold variances of at least 0, got -1",
    ),
    "no tensors": (lambda state: {"epoch": 3}, "must map names to tensors"),
    "nothing": (lambda state: {}, "must hold a state dict"),
    "sparse": (
        lambda state: {**state, "linear.weight": torch.zeros(10, 64).to_sparse()},
        "a tensor that is not dense or not real",
    ),
    "a view that claims to be huge": (
        lambda state: {**state, "linear.weight": torch.zeros(1, dtype=torch.float64).expand(2**20, 2**20)},
        r"got linear\.weight of shape \(1048576, 1048576\)",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_another_network_is_refused_with_a_reason(dense: ResNet, what: str) -> None:
    change, reason = WRONG[what]
    with pytest.raises(CheckpointError, match=reason):
        uploaded_weights.read(torch_bytes(change(dense.state_dict())), "net.pt")


@pytest.mark.parametrize(
    ("normalisation", "reason"),
    [
        ({"mean": [0, 0, 0], "std": [1, 0, 1]}, r"std must be three finite numbers above 0, got \[1, 0, 1\]"),
        ({"mean": [0, math.nan, 0], "std": [1, 1, 1]}, r"mean must be three finite numbers, got \[0, nan, 0\]"),
        ({"mean": [0.5], "std": [1, 1, 1]}, r"mean must be three finite numbers, got \[0\.5\]"),
        ({"mean": ["a", "b", "c"], "std": [1, 1, 1]}, r"mean must be three finite numbers, got \['a'"),
        ({"mean": 0.5, "std": [1, 1, 1]}, "must contain a normalisation"),
    ],
)
def test_a_normalisation_that_is_none_is_refused(dense: ResNet, normalisation: dict[str, object], reason: str) -> None:
    header = json.dumps({"normalisation": normalisation})
    content = safetensors.torch.save(dense.state_dict(), {checkpoints.HEADER_KEY: header})
    with pytest.raises(CheckpointError, match=reason):
        uploaded_weights.read(content, "net.safetensors")


def test_a_pruned_network_is_accepted_and_said() -> None:
    model = random_network(presets()["moderate"])
    for content in (checkpoints.to_bytes(model), torch_bytes(model.state_dict())):
        loaded = uploaded_weights.read(content, "net.safetensors")
        assert loaded.model.schedule == presets()["moderate"]
        assert loaded.notes == ("a pruned network, which runs prune further: 8,8,8,16,16,16,32,32,32",)
        assert uploaded_weights.description(loaded) == "pruned ResNet-20 with option-A shortcuts"


def test_a_description_names_what_differs_from_the_default() -> None:
    architecture = Architecture(depth=56, base_width=8, shortcut="B", n_classes=100)
    loaded = uploaded_weights.read(torch_bytes(random_network(dense_schedule(architecture)).state_dict()), "net")
    expected = "dense ResNet-56 with option-B shortcuts, base width 8, 100 classes"
    assert uploaded_weights.description(loaded) == expected


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_truncated_file_is_refused(dense: ResNet, suffix: str, share: float) -> None:
    whole = checkpoints.to_bytes(dense) if suffix == ".safetensors" else torch_bytes(dense.state_dict())
    with pytest.raises(CheckpointError, match=r"must be a (safetensors file|plain PyTorch state dict)"):
        uploaded_weights.read(whole[: int(len(whole) * share)], f"cut{suffix}")


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(CheckpointError, match="must hold weights, got an empty one"):
        uploaded_weights.read(b"", "net.pt")


@pytest.mark.parametrize("name", ["net.ckpt", "net", "net.safetensors", "net.bin", "net.tar"])
def test_the_content_decides_on_the_format_not_the_suffix(dense: ResNet, name: str) -> None:
    assert uploaded_weights.read(torch_bytes(dense.state_dict()), name).model.schedule == presets()["dense"]
    with pytest.raises(CheckpointError, match="must be a safetensors file or a PyTorch state dict"):
        uploaded_weights.read(b"bytes", name)


def test_the_size_is_checked_before_reading(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="at most 64 MB, got 500 MB"):
        uploaded_weights.check_size(500 * 2**20)
    uploaded_weights.check_size(MAX_BYTES)
    with pytest.raises(CheckpointError, match="at most 64 MB"):
        uploaded_weights.read(bytes(MAX_BYTES + 1), "net.exe")


def test_an_archive_that_unpacks_to_far_more_is_refused_unread() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(MAX_BYTES + 1))
    assert len(buffer.getvalue()) < 2**20
    with pytest.raises(CheckpointError, match="must unpack to at most 64 MB"):
        uploaded_weights.read(buffer.getvalue(), "bomb.pt")


def test_a_refused_upload_leaves_no_record(store: Store) -> None:
    with pytest.raises(CheckpointError):
        make(store, UploadSpec.of(b"no network", "net.pt", "mine"), b"no network")
    assert store.list_records() == []
