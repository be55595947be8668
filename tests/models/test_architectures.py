"""Properties of networks of random architectures: costs, weights files and ONNX files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from roboreg_core.architecture import Architecture
from roboreg_core.errors import CheckpointError
from roboreg_core.evaluation.logits import fold_batch_norm
from roboreg_core.evaluation.onnx_export import onnx_bytes
from roboreg_core.evaluation.onnx_runtime import onnx_forward
from roboreg_core.models import checkpoints
from roboreg_core.models.costs import block_macs, block_parameters, cost
from roboreg_core.models.linear_costs import COUNTED, linear_cost
from roboreg_core.models.resnet import ResNet
from roboreg_core.schedules.schedule import Schedule, dense_schedule, presets
from tests.architectures import architectures, images_for, schedules_of
from tests.conftest import random_network
from tests.models.counted import count
from tests.tolerance import assert_same_logits

SMALL = schedules_of(architectures(max_depth=26, max_width=8, max_size=32))
NON_DEFAULT = Architecture(depth=14, base_width=6, shortcut="B", n_classes=7, image_size=20)


@pytest.mark.slow
@given(schedules_of(architectures(max_depth=32)))
@settings(max_examples=200)
def test_closed_form_equals_the_built_network(schedule: Schedule) -> None:
    with torch.device("meta"):
        model = ResNet(schedule)
    found = cost(schedule)
    assert count(model) == (found.parameters, found.macs)
    floats = [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]
    assert found.size_bytes == 4 * sum(tensor.numel() for tensor in floats)
    stem, linear = found.layers[0], found.layers[-1]
    assert sum(block_parameters(schedule)) == found.parameters - stem.parameters - linear.parameters
    assert sum(block_macs(schedule)) == found.macs - stem.macs - linear.macs


@given(schedules_of(architectures(max_depth=56)))
@settings(max_examples=20)
def test_costs_are_linear_in_the_counts(schedule: Schedule) -> None:
    for kind in COUNTED:
        linearly = linear_cost(kind, schedule.architecture)(np.array([schedule.counts]))
        assert linearly[0] == getattr(cost(schedule), kind)


@pytest.mark.parametrize(
    ("architecture", "parameters", "macs"),
    [
        (Architecture(depth=56), 853_018, 125_485_696),
        (Architecture(n_classes=100), 275_572, 40_556_800),
        (Architecture(shortcut="A-end"), 269_722, 40_551_040),
        # Two 1x1 convolutions: 16 * 32 + 2 * 32 and 32 * 64 + 2 * 64 parameters.
        (Architecture(shortcut="B"), 269_722 + 576 + 2_176, 40_551_040 + 16 * 32 * 256 + 32 * 64 * 64),
    ],
)
def test_known_costs(architecture: Architecture, parameters: int, macs: int) -> None:
    found = cost(dense_schedule(architecture))
    assert (found.parameters, found.macs) == (parameters, macs)


@pytest.mark.parametrize("depth", [8, 20, 32, 44, 56, 110])
@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_depth_counts_the_layers_on_the_longest_path(depth: int, shortcut: str) -> None:
    with torch.device("meta"):
        model = ResNet(dense_schedule(Architecture(depth=depth, shortcut=shortcut)))
    found = cost(model.schedule)
    assert count(model) == (found.parameters, found.macs)
    layers = [each for each in model.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    assert len([each for each in layers if getattr(each, "kernel_size", ()) != (1, 1)]) == depth


@given(SMALL, st.integers(0, 99))
@settings(max_examples=30)
def test_a_saved_network_and_its_onnx_file_give_the_same_logits(schedule: Schedule, seed: int) -> None:
    model, images = random_network(schedule, seed), images_for(schedule.architecture, 5, seed)
    content = checkpoints.to_bytes(model)
    loaded = checkpoints.from_bytes(content)
    assert loaded.model.schedule == schedule
    assert loaded.sha256 == checkpoints.from_bytes(checkpoints.to_bytes(loaded.model)).sha256
    with torch.no_grad():
        expected = model(model.prepare(images.pixels))
        assert torch.equal(loaded.model(loaded.model.prepare(images.pixels)), expected)
        assert_same_logits(fold_batch_norm(model)(model.prepare(images.pixels)), expected, network=schedule)
    found = onnx_forward(onnx_bytes(loaded.model, images.classes))(images.pixels.contiguous().numpy())
    assert_same_logits(found, expected, network=schedule)


@given(SMALL)
@settings(max_examples=15)
def test_shortcuts_are_added_alike_with_and_without_gradients(schedule: Schedule) -> None:
    model, images = random_network(schedule), images_for(schedule.architecture, 2)
    with_gradients = model(model.prepare(images.pixels))
    with torch.no_grad():
        assert_same_logits(model(model.prepare(images.pixels)), with_gradients, network=schedule)


def test_options_a_differ_in_the_place_of_the_zeros() -> None:
    both, end = (ResNet(dense_schedule(Architecture(base_width=5, shortcut=option))) for option in ("A", "A-end"))
    x = torch.rand(1, 5, 8, 8)
    around, after = (model.blocks[3].shortcut(x) for model in (both, end))
    assert torch.equal(around[:, 2:7], x[:, :, ::2, ::2])
    assert torch.equal(after[:, :5], x[:, :, ::2, ::2])
    assert not around[:, 7:].any()
    assert not after[:, 5:].any()
    assert around.shape == after.shape == (1, 10, 4, 4)


def test_option_b_is_a_convolution_with_batch_norm() -> None:
    model = random_network(dense_schedule(NON_DEFAULT))
    assert set(model.state_dict()) - set(ResNet(dense_schedule(Architecture(depth=14))).state_dict()) == {
        f"layer{stage}.0.shortcut.{name}"
        for stage in (2, 3)
        for name in ("0.weight", *(f"1.{each}" for each in model.bn1.state_dict()))
    }


def test_a_file_says_what_it_holds(tmp_path: Path) -> None:
    path = checkpoints.save(tmp_path / "other", random_network(dense_schedule(NON_DEFAULT)))
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["network"] == "ResNet-14 option B, base width 6, 7 classes, 20 x 20 pixels"
    assert card["architecture"] == NON_DEFAULT.to_json()
    assert checkpoints.load(path).model.architecture == NON_DEFAULT
    default = checkpoints.make_card(random_network(presets()["quarter"]), b"")
    assert default["network"] == "ResNet-20 option A, CIFAR-10"
    assert "architecture" not in default


@pytest.mark.parametrize("wrong", [{"depth": 57}, {"depth": 20}, {"shortcut": "A"}, {"n_classes": 9}, 4])
def test_a_header_that_does_not_fit_its_tensors_is_refused(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object] | int
) -> None:
    described = checkpoints._describe

    def changed(model: ResNet) -> dict[str, object]:
        reported = described(model)
        reported["architecture"] = {**reported["architecture"], **wrong} if isinstance(wrong, dict) else wrong
        return reported

    monkeypatch.setattr(checkpoints, "_describe", changed)
    content = checkpoints.to_bytes(random_network(dense_schedule(NON_DEFAULT)))
    with pytest.raises(CheckpointError):
        checkpoints.from_bytes(content)


def test_the_largest_architectures_can_be_saved_and_loaded() -> None:
    for architecture in (Architecture(depth=302), Architecture(depth=20, base_width=64, n_classes=1_000)):
        model = ResNet(dense_schedule(architecture)).eval()
        assert checkpoints.from_bytes(checkpoints.to_bytes(model)).model.architecture == architecture
