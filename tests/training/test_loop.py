from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from roboreg_core.datasets.augmentation_settings import NONE, SIX
from roboreg_core.datasets.images import Images
from roboreg_core.errors import CheckpointError
from roboreg_core.models.resnet import ResNet
from roboreg_core.schedules.schedule import presets
from roboreg_core.training.loop import StepProgress, TrainingHooks, TrainingResult, fit
from roboreg_core.training.spec import BEST, TrainSpec
from tests.tolerance import assert_same, assert_same_loss
from tests.training.helpers import SPEC, STEPS, SavedItem, same, weights, without_times


@pytest.fixture(scope="module")
def start(make_network: Callable[..., ResNet]) -> ResNet:
    return make_network(presets()["aggressive"])


@pytest.fixture(scope="module")
def uninterrupted(start: ResNet, few_images: Images) -> tuple[TrainingResult, SavedItem]:
    saved = SavedItem()
    return fit(start, few_images, SPEC, validation=few_images, hooks=TrainingHooks(on_epoch=saved)), saved


@pytest.mark.parametrize("done", [1, 2, 3])
def test_a_resumed_training_equals_an_uninterrupted_one(
    start: ResNet, few_images: Images, uninterrupted: tuple[TrainingResult, SavedItem], done: int
) -> None:
    whole, saved = uninterrupted
    resumed = fit(start, few_images, SPEC, validation=few_images, resume=saved.states[done - 1])
    assert same(resumed.model.state_dict(), whole.model.state_dict())
    assert without_times(resumed) == without_times(whole)
    assert resumed.history[:done] == whole.history[:done]


def test_the_seed_decides(start: ResNet, few_images: Images, uninterrupted: tuple[TrainingResult, SavedItem]) -> None:
    whole, _ = uninterrupted
    again = fit(start, few_images, SPEC)
    other = fit(start, few_images, replace(SPEC, seed=6))
    assert same(again.model.state_dict(), whole.model.state_dict()), "validation must not change a training"
    assert not same(other.model.state_dict(), whole.model.state_dict())


@pytest.mark.parametrize("training", [True, False])
def test_the_given_network_is_left_alone(
    make_network: Callable[..., ResNet], few_images: Images, training: bool
) -> None:
    model = make_network(presets()["aggressive"]).train(training)
    before = copy.deepcopy(model.state_dict())
    pixels = few_images.pixels.clone()
    fitted = fit(model, few_images, replace(SPEC, epochs=1))
    assert same(model.state_dict(), before)
    assert model.training is training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(few_images.pixels, pixels)
    assert not same(fitted.model.state_dict(), before)
    assert not fitted.model.training


@pytest.mark.parametrize("steps", [0, STEPS, STEPS + 2, 2 * STEPS])
def test_a_stopped_training_keeps_its_last_whole_epoch(
    start: ResNet, few_images: Images, uninterrupted: tuple[TrainingResult, SavedItem], steps: int
) -> None:
    _, saved = uninterrupted
    calls = iter(range(100))
    fitted = fit(start, few_images, SPEC, hooks=TrainingHooks(should_stop=lambda: next(calls) >= steps))
    epochs = steps // STEPS
    assert fitted.stopped
    assert len(fitted.history) == epochs
    expected = weights(saved.states[epochs - 1]) if epochs else start.state_dict()
    assert same(fitted.model.state_dict(), expected)
    assert not fitted.model.training


def test_an_unstopped_training_is_not_marked_stopped(uninterrupted: tuple[TrainingResult, SavedItem]) -> None:
    assert not uninterrupted[0].stopped


def test_epochs_are_recorded(uninterrupted: tuple[TrainingResult, SavedItem], few_images: Images) -> None:
    whole, saved = uninterrupted
    assert list(whole.history) == saved.records
    assert [record.epoch for record in whole.history] == [1, 2, 3]
    assert [record.learning_rate for record in whole.history] == pytest.approx([0.05, 0.0375, 0.0125])
    last = whole.history[-1]
    with torch.inference_mode():
        logits = whole.model(whole.model.prepare(few_images.pixels))
    assert last.validation_accuracy == pytest.approx((logits.argmax(1) == few_images.labels).float().mean().item())
    assert_same_loss(last.validation_loss, logits, few_images.labels)
    assert 0 <= last.accuracy <= 1
    assert last.seconds > 0


def test_without_validation_there_is_none(start: ResNet, few_images: Images) -> None:
    (record,) = fit(start, few_images, replace(SPEC, epochs=1)).history
    assert record.validation_loss is None
    assert record.validation_accuracy is None


def test_steps_are_reported(start: ResNet, few_images: Images) -> None:
    reported: list[StepProgress] = []
    fit(start, few_images, SPEC, hooks=TrainingHooks(on_step=reported.append))
    assert [(progress.epoch, progress.step) for progress in reported] == [
        (epoch, step) for epoch in (1, 2, 3) for step in (1, 2, 3)
    ]
    assert [progress.fraction for progress in reported] == pytest.approx([(i + 1) / 9 for i in range(9)])
    assert {(progress.epochs, progress.steps) for progress in reported} == {(3, STEPS)}


def test_fewer_images_than_a_batch_make_one_step(start: ResNet, few_images: Images) -> None:
    reported: list[StepProgress] = []
    fit(start, few_images, replace(SPEC, epochs=1, batch_size=128), hooks=TrainingHooks(on_step=reported.append))
    assert [progress.steps for progress in reported] == [1]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 6},
        {"learning_rate": 0.06},
        {"augmentation": SIX},
        {"weight_decay": 0.0},
        {"rate": "multistep"},
        {"average": 0.9},
    ],
    ids=str,
)
def test_other_settings_cannot_resume(
    start: ResNet, few_images: Images, uninterrupted: tuple[TrainingResult, SavedItem], change: dict[str, object]
) -> None:
    _, saved = uninterrupted
    with pytest.raises(CheckpointError, match="must resume with the settings of its first 1 epochs"):
        fit(start, few_images, replace(SPEC, **change), resume=saved.states[0])


def test_a_cosine_cannot_be_lengthened(
    start: ResNet, few_images: Images, uninterrupted: tuple[TrainingResult, SavedItem]
) -> None:
    with pytest.raises(CheckpointError):
        fit(start, few_images, replace(SPEC, epochs=4), resume=uninterrupted[1].states[0])


def trapezoid(epochs: int) -> TrainSpec:
    return replace(SPEC, rate="trapezoid", epochs=epochs, decay_epochs=2)


def test_a_trapezoid_can_be_lengthened_before_it_decays(start: ResNet, few_images: Images) -> None:
    saved = SavedItem()
    fit(start, few_images, trapezoid(4), hooks=TrainingHooks(on_epoch=saved))
    expected = fit(start, few_images, trapezoid(5))
    for done in (1, 2):
        longer = fit(start, few_images, trapezoid(5), resume=saved.states[done - 1])
        assert same(longer.model.state_dict(), expected.model.state_dict())
        assert len(longer.history) == 5


def test_a_trapezoid_cannot_be_lengthened_while_it_decays(start: ResNet, few_images: Images) -> None:
    saved = SavedItem()
    fit(start, few_images, trapezoid(4), hooks=TrainingHooks(on_epoch=saved))
    with pytest.raises(CheckpointError, match="start it again"):
        fit(start, few_images, trapezoid(5), resume=saved.states[2])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_reduces_the_loss(network: ResNet, few_images: Images, precision: str) -> None:
    # At the recipe's own rate so few images decide by their roundings how far it comes; 20 epochs do not always do.
    spec = replace(BEST(40), batch_size=25, augmentation=NONE, precision=precision, learning_rate=0.02)
    fitted = fit(network, few_images, spec, validation=few_images)
    assert fitted.history[-1].loss < 0.5 * fitted.history[0].loss
    assert fitted.history[-1].validation_accuracy > 0.5
    assert {parameter.dtype for parameter in fitted.model.parameters()} == {torch.float32}


def test_clipping_bounds_the_step_and_a_wide_bound_changes_nothing(start: ResNet, few_images: Images) -> None:
    plain = replace(
        SPEC, epochs=1, batch_size=50, rate="cosine", warmup_epochs=0, momentum=0, nesterov=False, weight_decay=0
    )
    before = torch.cat([parameter.detach().flatten() for parameter in start.parameters()])

    def moved(clip: float) -> torch.Tensor:
        after = fit(start, few_images, replace(plain, clip=clip)).model
        return torch.cat([parameter.detach().flatten() for parameter in after.parameters()]) - before

    free, wide, narrow = moved(0), moved(1_000), moved(0.01)
    assert torch.equal(wide, free)
    # One step: its length is the rate times the bound, its direction stays. It is a difference of rounded weights.
    assert_same(
        float(narrow.norm()), plain.learning_rate * 0.01, terms=1, dtype=before.dtype, scale=float(before.norm())
    )
    assert float(torch.cosine_similarity(narrow, free, dim=0)) > 0.99
