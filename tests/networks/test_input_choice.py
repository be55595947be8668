"""The normalisation, the order of colours and the shortcuts of a network of another project are found by images."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from roboreg_core.architecture import Architecture
from roboreg_core.datasets.images import CLASSES, Images
from roboreg_core.errors import CheckpointError, DataError, SpecError
from roboreg_core.evaluation.logits import logits
from roboreg_core.evaluation.metrics import report
from roboreg_core.models import checkpoints
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.models.normalisation import IMAGENET, NORMALISATIONS
from roboreg_core.models.resnet import ResNet
from roboreg_core.networks import input_choice
from roboreg_core.networks.input_choice import choose_inputs
from roboreg_core.schedules.schedule import Schedule, dense_schedule
from tests.conftest import random_network
from tests.models.foreign_files import State, state_of, torch_bytes


@pytest.fixture(scope="module")
def trained() -> ResNet:
    """A network trained with ImageNet's normalisation, RGB and zeros on both sides; read-only."""
    return checkpoints.load("dense").model


@pytest.fixture(scope="module")
def some_images(images: Images) -> Images:
    return images.take(torch.arange(100), "100 images")


def foreign(state: State) -> Checkpoint:
    return checkpoints.from_bytes(torch_bytes(state), "the file")


def accuracy(model: ResNet, images: Images) -> float:
    return float((logits(model, images).argmax(1) == images.labels).float().mean())


def chosen(found: Checkpoint) -> dict[str, Any]:
    assert found.source is not None
    return {name: found.source["inputs"][name] for name in ("normalisation", "shortcut", "is_bgr")}


def trained_with(model: ResNet, name: str) -> State:
    """The same network for inputs of another normalisation, except for the padding at the border."""
    state, wanted = state_of(model), NORMALISATIONS[name]
    scale = torch.tensor(wanted.std) / torch.tensor(IMAGENET.std)
    shift = (torch.tensor(wanted.mean) - torch.tensor(IMAGENET.mean)) / torch.tensor(IMAGENET.std)
    weight = state["conv1.weight"]
    bias = (weight * shift.view(1, 3, 1, 1)).sum((1, 2, 3))
    mean = state["bn1.running_mean"] - bias
    return state | {"conv1.weight": weight * scale.view(1, 3, 1, 1), "bn1.running_mean": mean}


def zeros_at_end(model: ResNet) -> State:
    """The same network for shortcuts with zeros after the channels: channels of stages 2 and 3 in another order."""
    second = [*range(8, 24), *range(8), *range(24, 32)]
    inside = [16 + channel for channel in second]
    third = inside + [channel for channel in range(64) if channel not in inside]
    state = state_of(model)
    for stage, order in ((2, second), (3, third)):
        for key in [key for key in state if key.startswith(f"layer{stage}.") and ("conv2" in key or "bn2" in key)]:
            state[key] = state[key][order] if state[key].ndim else state[key]
        following = [f"layer{stage}.{block}.conv1.weight" for block in (1, 2)]
        for key in [*following, "layer3.0.conv1.weight" if stage == 2 else "linear.weight"]:
            state[key] = state[key][:, order]
    return state


@pytest.mark.parametrize("name", ["half", "unit", "pixels"])
def test_the_normalisation_is_found(trained: ResNet, some_images: Images, name: str) -> None:
    found = choose_inputs(foreign(trained_with(trained, name)), some_images)
    assert chosen(found) == {"normalisation": name, "shortcut": "A", "is_bgr": False}
    assert found.model.normalisation == NORMALISATIONS[name]
    assert accuracy(found.model, some_images) == pytest.approx(found.source["inputs"]["accuracy"])  # type: ignore[index]
    assert f"normalisation {name} chosen by 100 validation images" in found.notes[0]
    assert checkpoints.from_bytes(found.content).model.normalisation == NORMALISATIONS[name]


def test_similar_normalisations_are_said_to_be_no_worse(trained: ResNet, some_images: Images) -> None:
    found = choose_inputs(foreign(state_of(trained)), some_images)
    assert chosen(found)["normalisation"] in ("imagenet", "cifar10", "cifar100", "cifar10-single")
    assert "; not significantly worse: " in found.notes[0]
    tried = found.source["inputs"]["tried"]  # type: ignore[index]
    assert {each["normalisation"] for each in tried} >= set(NORMALISATIONS) - {"pixels"}
    assert [each["accuracy"] for each in tried] == sorted((each["accuracy"] for each in tried), reverse=True)


def test_zeros_after_the_channels_are_found(trained: ResNet, some_images: Images) -> None:
    found = choose_inputs(foreign(zeros_at_end(trained)), some_images)
    assert chosen(found)["shortcut"] == found.model.architecture.shortcut == "A-end"
    exact = choose_inputs(foreign(zeros_at_end(trained)), some_images, "imagenet")
    assert torch.allclose(logits(exact.model, some_images), logits(trained, some_images), atol=1e-3)
    assert "zeros after the channels" in exact.notes[0]
    assert checkpoints.from_bytes(exact.content).model.architecture == Architecture(shortcut="A-end")


@pytest.mark.parametrize("name", ["imagenet", "pixels"])
def test_the_order_of_colours_is_found(trained: ResNet, some_images: Images, name: str) -> None:
    state = trained_with(trained, name)
    state["conv1.weight"] = state["conv1.weight"].flip(1)
    found = choose_inputs(foreign(state), some_images)
    assert chosen(found)["is_bgr"]
    if name == "pixels":
        assert chosen(found)["normalisation"] == name
    assert accuracy(found.model, some_images) > 0.9


def test_a_requested_normalisation_is_taken(trained: ResNet, some_images: Images) -> None:
    found = choose_inputs(foreign(trained_with(trained, "half")), some_images, "imagenet")
    assert chosen(found)["normalisation"] == "imagenet"
    with pytest.raises(SpecError, match="normalisation must be one of auto, imagenet, cifar10"):
        choose_inputs(foreign(state_of(trained)), some_images, "cifar")


def test_a_file_of_ours_keeps_its_own(trained: ResNet, some_images: Images) -> None:
    own = checkpoints.from_bytes(checkpoints.to_bytes(trained))
    assert choose_inputs(own, some_images) is own
    with pytest.raises(SpecError, match="must be auto for network, which holds its own, got half"):
        choose_inputs(own, some_images, "half")


def test_shortcuts_with_weights_have_one_form() -> None:
    model = random_network(dense_schedule(Architecture(shortcut="B")))
    forms = input_choice._Bench(
        model=model,
        images=None,
        device="cpu",
        on_progress=lambda share: None,  # type: ignore[arg-type]
    )._forms(["imagenet"])
    assert [form.shortcut for form in forms] == ["B"]


def test_a_pruned_network_keeps_its_schedule(trained: ResNet, some_images: Images) -> None:
    from roboreg_core.pruning.prune import PruneSpec, prune

    schedule = Schedule((16, 12, 16, 32, 30, 32, 64, 60, 64))
    pruned = prune(trained, schedule, PruneSpec(method="l1")).model
    found = choose_inputs(foreign(state_of(pruned)), some_images)
    assert found.model.schedule == schedule


def test_few_images_choose_the_forms_that_are_measured_on_all(
    trained: ResNet, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_choice, "FEW", 60)
    shares: list[float] = []
    found = choose_inputs(foreign(trained_with(trained, "unit")), images, on_progress=shares.append)
    tried = found.source["inputs"]["tried"]  # type: ignore[index]
    assert tried[0]["normalisation"] == "unit"
    assert tried[0]["images"] == 300
    assert {each["images"] for each in tried[1:]} >= {60}
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] < 1


def test_a_network_within_chance_is_refused(some_images: Images) -> None:
    with pytest.raises(CheckpointError, match="this network does not fit these images"):
        choose_inputs(foreign(state_of(random_network())), some_images)
    with pytest.raises(CheckpointError, match="this network does not fit these images"):
        choose_inputs(foreign(state_of(random_network())), some_images, "half")


def test_another_number_of_classes_is_refused(some_images: Images) -> None:
    model = random_network(dense_schedule(Architecture(n_classes=100)))
    with pytest.raises(CheckpointError, match="must have the 10 classes of the images, got 100"):
        choose_inputs(foreign(state_of(model)), some_images)


def overflowing(model: ResNet) -> State:
    return {key: value * 1e30 if key.endswith("conv2.weight") else value for key, value in state_of(model).items()}


def test_outputs_that_overflow_are_refused(trained: ResNet, some_images: Images) -> None:
    with pytest.raises(CheckpointError, match="its outputs are not finite on 100 of 100 images"):
        choose_inputs(foreign(overflowing(trained)), some_images)


def test_no_report_has_outputs_that_are_not_finite() -> None:
    values, labels = torch.zeros(5, 10), torch.zeros(5, dtype=torch.int64)
    values[1, 2], values[3, 4] = torch.nan, torch.inf
    with pytest.raises(DataError, match="its outputs are not finite on 2 of 5 images"):
        report(values, labels, CLASSES)
