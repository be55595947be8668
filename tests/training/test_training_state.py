from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from roboreg_core.datasets.images import Images
from roboreg_core.errors import CheckpointError
from roboreg_core.models.resnet import ResNet
from roboreg_core.schedules.schedule import presets
from roboreg_core.training.loop import EpochRecord, TrainingHooks, TrainingResult, fit
from roboreg_core.training.training_state import TrainingState
from tests.training.helpers import SPEC, STEPS, SavedItem, content, same, without_times

# Settings that use every part of a state.
FULL = replace(SPEC, rate="triangular", warmup_epochs=1.0, distil_weight=0.9, average=0.9)


@pytest.fixture(scope="module")
def start(make_network: Callable[..., ResNet]) -> ResNet:
    return make_network(presets()["aggressive"])


@pytest.fixture(scope="module")
def teacher(make_network: Callable[..., ResNet]) -> ResNet:
    return make_network(presets()["moderate"], seed=1)


@pytest.fixture(scope="module")
def uninterrupted(start: ResNet, teacher: ResNet, few_images: Images) -> tuple[TrainingResult, SavedItem]:
    saved = SavedItem()
    hooks = TrainingHooks(on_epoch=saved)
    return fit(start, few_images, FULL, validation=few_images, teacher=teacher, hooks=hooks), saved


@pytest.mark.parametrize("done", [1, 2, 3])
def test_a_resumed_training_equals_an_uninterrupted_one(
    start: ResNet, teacher: ResNet, few_images: Images, uninterrupted: tuple[TrainingResult, SavedItem], done: int
) -> None:
    whole, saved = uninterrupted
    state = saved.states[done - 1]
    resumed = fit(start, few_images, FULL, validation=few_images, teacher=teacher, resume=state)
    assert same(resumed.model.state_dict(), whole.model.state_dict())
    assert resumed.best is not None
    assert whole.best is not None
    assert same(resumed.best.state_dict(), whole.best.state_dict())
    assert resumed.best_epoch == whole.best_epoch
    assert without_times(resumed) == without_times(whole)


def test_the_best_epoch_is_kept_after_worse_ones(
    start: ResNet, teacher: ResNet, few_images: Images, uninterrupted: tuple[TrainingResult, SavedItem]
) -> None:
    _, saved = uninterrupted
    state = content(saved.states[0])
    state["history"][0]["validation_accuracy"] = 1.1
    buffer = io.BytesIO()
    torch.save(state, buffer)
    resumed = fit(start, few_images, FULL, validation=few_images, teacher=teacher, resume=buffer.getvalue())
    assert resumed.best_epoch == 1
    assert resumed.best is not None
    assert same(resumed.best.state_dict(), content(saved.states[0])["average"]["network"])


def test_a_stopped_training_forgets_its_broken_epoch(
    start: ResNet, teacher: ResNet, few_images: Images, uninterrupted: tuple[TrainingResult, SavedItem]
) -> None:
    _, saved = uninterrupted
    calls = iter(range(100))
    hooks = TrainingHooks(should_stop=lambda: next(calls) >= STEPS + 1)
    fitted = fit(start, few_images, FULL, validation=few_images, teacher=teacher, hooks=hooks)
    expected = content(saved.states[0])["average"]["network"]
    assert fitted.best is not None
    assert same(fitted.model.state_dict(), expected)
    assert same(fitted.best.state_dict(), expected)
    assert (fitted.best_epoch, fitted.stopped) == (1, True)


def test_another_teacher_is_refused(
    start: ResNet, few_images: Images, uninterrupted: tuple[TrainingResult, SavedItem]
) -> None:
    with pytest.raises(CheckpointError, match=r"must resume with its teacher, SHA-256 [0-9a-f]{12},"):
        fit(start, few_images, FULL, teacher=start, resume=uninterrupted[1].states[0])


def test_states_of_an_older_format_are_refused(start: ResNet, few_images: Images) -> None:
    buffer = io.BytesIO()
    torch.save({"format": 1, "spec": SPEC.to_json(), "history": []}, buffer)
    with pytest.raises(CheckpointError, match="must resume from a state of format 2, got 1"):
        fit(start, few_images, SPEC, resume=buffer.getvalue())


def test_damaged_states_are_refused(start: ResNet, few_images: Images) -> None:
    with pytest.raises(CheckpointError, match="must resume from a state that it saved, got"):
        fit(start, few_images, SPEC, resume=b"no state")


def record(epoch: int, accuracy: float | None) -> EpochRecord:
    return EpochRecord(
        epoch=epoch, loss=1.0, accuracy=0.5, learning_rate=0.1, seconds=1.0, validation_accuracy=accuracy
    )


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ([0.2, 0.6, 0.4], 2),
        ([0.6, 0.2, 0.6, 0.4], 3),
        ([0.0], 1),
        ([None, 0.3, None], 2),
        ([None, None], None),
        ([], None),
    ],
    ids=str,
)
def test_the_best_epoch_is_the_last_of_the_most_accurate(
    network: ResNet, accuracies: list[float | None], expected: int | None
) -> None:
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    state = TrainingState(model=network, optimiser=optimiser, rate=torch.zeros(()))
    for epoch, accuracy in enumerate(accuracies, start=1):
        torch.nn.init.constant_(network.linear.bias, epoch)
        state.add(record(epoch, accuracy))
    assert state.best_epoch == expected
    best = state.best_network()
    if expected is None:
        assert best is None
    else:
        assert best is not None
        assert best.linear.bias.tolist() == [expected] * 10


def test_the_best_network_is_as_good_as_its_record(
    few_images: Images, uninterrupted: tuple[TrainingResult, SavedItem]
) -> None:
    fitted, _ = uninterrupted
    assert fitted.best is not None
    assert fitted.best_epoch is not None
    assert not fitted.best.training
    with torch.inference_mode():
        right = fitted.best(fitted.best.prepare(few_images.pixels)).argmax(1) == few_images.labels
    accuracies = [epoch.validation_accuracy for epoch in fitted.history]
    assert right.float().mean().item() == pytest.approx(max(accuracies))
    assert accuracies[fitted.best_epoch - 1] == max(accuracies)


def test_best_and_last_network_may_differ(few_images: Images, network: ResNet) -> None:
    fitted = fit(network, few_images, replace(SPEC, epochs=1), validation=few_images)
    assert fitted.best is not None
    assert same(fitted.best.state_dict(), fitted.model.state_dict())
    torch.nn.init.zeros_(fitted.model.linear.weight)
    assert fitted.best.linear.weight.any()


def test_without_validation_nothing_is_best(few_images: Images, network: ResNet) -> None:
    fitted = fit(network, few_images, replace(SPEC, epochs=1))
    assert (fitted.best, fitted.best_epoch) == (None, None)
