from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from roboreg_core.datasets.images import Images
from roboreg_core.models.resnet import ResNet
from roboreg_core.schedules.schedule import presets
from roboreg_core.training.loop import TrainingHooks, fit
from roboreg_core.training.weight_average import WeightAverage, warm_decay
from tests.tolerance import assert_same, assert_same_loss
from tests.training.helpers import SPEC, SavedItem, content, same, weights

AVERAGED = replace(SPEC, average=0.5)


def by_hand(start: dict[str, Tensor], steps: list[dict[str, Tensor]], decay: float) -> dict[str, Tensor]:
    """The average in float64; integers are those of the last step."""
    average = {name: value.double() for name, value in start.items()}
    for count, step in enumerate(steps, start=1):
        now = min(decay, (1 + count) / (10 + count))
        average = {name: now * average[name] + (1 - now) * step[name].double() for name in step}
    last = steps[-1]
    return {name: average[name].float() if last[name].is_floating_point() else last[name] for name in last}


@given(st.floats(0, 0.99999), st.integers(1, 10**6))
def test_the_decay_rises_to_its_cap(decay: float, steps: int) -> None:
    assert 0 <= warm_decay(decay, steps) <= warm_decay(decay, steps + 1) <= decay
    assert warm_decay(decay, 10**9) == decay


def test_the_first_steps_count_little_later() -> None:
    assert warm_decay(0.999, 1) == pytest.approx(2 / 11)
    assert warm_decay(0.999, 890) == pytest.approx(0.99)


def test_an_average_equals_one_by_hand(make_network: Callable[..., ResNet]) -> None:
    start, *steps = (make_network(presets()["aggressive"], seed=seed) for seed in range(5))
    for count, step in enumerate(steps):
        step.bn1.num_batches_tracked.fill_(count)
    average = WeightAverage.of(start, decay=0.3)
    for step in steps:
        average.update(step)
    expected = by_hand(start.state_dict(), [step.state_dict() for step in steps], 0.3)
    assert_same(average.network.state_dict(), expected, terms=2 * len(steps))
    assert average.steps == 4


def test_an_average_of_equals_is_that_network(network: ResNet) -> None:
    average = WeightAverage.of(network, decay=0.9)
    for _ in range(3):
        average.update(network)
    assert same(average.network.state_dict(), network.state_dict())


def test_a_training_averages_every_step(network: ResNet, few_images: Images) -> None:
    saved = SavedItem()
    # One step per epoch, so that states have the weights after every step.
    spec = replace(AVERAGED, epochs=4, batch_size=64)
    fitted = fit(network, few_images, spec, hooks=TrainingHooks(on_epoch=saved))
    expected = by_hand(network.state_dict(), [weights(state) for state in saved.states], 0.5)
    assert_same(fitted.model.state_dict(), expected, terms=2 * spec.epochs)
    assert content(saved.states[-1])["average"]["steps"] == 4


def test_averaging_leaves_the_training_itself_alone(network: ResNet, few_images: Images) -> None:
    saved = SavedItem()
    plain = fit(network, few_images, SPEC)
    averaged = fit(network, few_images, AVERAGED, hooks=TrainingHooks(on_epoch=saved))
    assert same(weights(saved.states[-1]), plain.model.state_dict())
    assert not same(averaged.model.state_dict(), plain.model.state_dict())


def test_the_average_is_what_is_validated(network: ResNet, few_images: Images) -> None:
    fitted = fit(network, few_images, AVERAGED, validation=few_images)
    with torch.inference_mode():
        logits = fitted.model(fitted.model.prepare(few_images.pixels))
    assert_same_loss(fitted.history[-1].validation_loss, logits, few_images.labels)


def test_an_averaged_network_can_be_trained_on(network: ResNet, few_images: Images) -> None:
    fitted = fit(network, few_images, replace(AVERAGED, epochs=1, precision="bfloat16"))
    assert not fitted.model.training
    assert {parameter.dtype for parameter in fitted.model.parameters()} == {torch.float32}
    again = fit(fitted.model, few_images, replace(SPEC, epochs=1))
    assert not same(again.model.state_dict(), fitted.model.state_dict())
