from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from roboreg_core.data.augment import CROP_FLIP
from roboreg_core.data.images import Images
from roboreg_core.errors import CheckpointError, SpecError
from roboreg_core.model import resnet
from roboreg_core.model.resnet import ResNet20
from roboreg_core.schedule import PRESETS
from roboreg_core.training import fused
from roboreg_core.training.loop import Fitted, Hooks, StepProgress, fit
from roboreg_core.training.spec import TrainSpec
from roboreg_core.training.together import fit_together
from tests.training.helpers import SPEC, STEPS, Saved, same

SEEDS = (0, 1, 2)
# A small rate: from step to step rounding grows, at ReLUs that one side takes and the other does not.
PLAIN = replace(SPEC, epochs=2, learning_rate=5e-4)
# Everything that a step may have to do.
FULL = replace(PLAIN, rate="triangular", warmup_epochs=1.0, distil_weight=0.9, average=0.9, clip=0.5)


def seeded(spec: TrainSpec) -> list[TrainSpec]:
    return [replace(spec, seed=seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def starts(make_network: Callable[..., ResNet20]) -> list[ResNet20]:
    networks = [make_network(PRESETS["aggressive"], seed=seed) for seed in SEEDS]
    with torch.no_grad():
        for network in networks:
            network.layer1[0].conv1.weight[0] = 0
    return networks


@pytest.fixture(scope="module")
def teacher(make_network: Callable[..., ResNet20]) -> ResNet20:
    return make_network(PRESETS["quarter"], seed=9)


def close(first: ResNet20, second: ResNet20) -> None:
    torch.testing.assert_close(first.state_dict(), second.state_dict(), rtol=1e-4, atol=1e-4)


def alike(together: Fitted, alone: Fitted) -> None:
    close(together.model, alone.model)
    assert together.best is not None
    assert alone.best is not None
    assert together.best_epoch == alone.best_epoch
    close(together.best, alone.best)
    for mine, other in zip(together.history, alone.history, strict=True):
        assert mine.loss == pytest.approx(other.loss, rel=1e-4)
        assert mine.accuracy == other.accuracy
        assert mine.validation_loss == pytest.approx(other.validation_loss, rel=1e-4)


@pytest.mark.parametrize("spec", [PLAIN, FULL], ids=["plain", "full"])
def test_trainings_together_equal_those_alone_also_after_resuming(
    starts: list[ResNet20], teacher: ResNet20, few_images: Images, spec: TrainSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both by torch's own operations: rounding in another order grows with every step.
    monkeypatch.setattr(fused, "kernels", lambda: None)
    given = {"validation": few_images, "teacher": teacher, "keep_zeros": spec is FULL}
    alone = [fit(start, few_images, own, **given) for start, own in zip(starts, seeded(spec), strict=True)]
    saved = [Saved() for _ in SEEDS]
    hooks = [Hooks(on_epoch=save) for save in saved]
    together = fit_together(starts, few_images, seeded(spec), hooks=hooks, **given)
    first_states = [save.states[0] for save in saved]
    resumed = fit_together(starts, few_images, seeded(spec), resume=first_states, **given)
    for member, again, other in zip(together, resumed, alone, strict=True):
        alike(member, other)
        alike(again, other)
    went_on = fit(starts[1], few_images, seeded(spec)[1], resume=first_states[1], **given)
    alike(went_on, alone[1])


def test_in_float64_at_a_large_rate_they_are_the_same(
    starts: list[ResNet20], few_images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = resnet.normalise
    monkeypatch.setattr(resnet, "normalise", lambda images, how, dtype: narrow(images, how, torch.float64))
    monkeypatch.setattr(torch.Tensor, "float", lambda tensor: tensor)
    doubles = [copy.deepcopy(start).double() for start in starts]
    specs = seeded(replace(FULL, learning_rate=0.1, distil_weight=0.0, label_smoothing=0.1, augmentation=CROP_FLIP))
    together = fit_together(doubles, few_images, specs, keep_zeros=True)
    for member, start, spec in zip(together, doubles, specs, strict=True):
        alone = fit(start, few_images, spec, keep_zeros=True)
        torch.testing.assert_close(member.model.state_dict(), alone.model.state_dict(), rtol=1e-9, atol=1e-9)


def test_a_member_saves_no_others_weights(starts: list[ResNet20], few_images: Images) -> None:
    alone, together = Saved(), Saved()
    specs = [replace(spec, epochs=1) for spec in seeded(PLAIN)]
    fit(starts[0], few_images, specs[0], hooks=Hooks(on_epoch=alone))
    fit_together(starts, few_images, specs, hooks=[Hooks(on_epoch=together), Hooks(), Hooks()])
    assert len(together.states[0]) < 1.2 * len(alone.states[0])


def test_a_member_has_memory_of_its_own_and_the_start_is_left_alone(starts: list[ResNet20], few_images: Images) -> None:
    before = [{name: value.clone() for name, value in start.state_dict().items()} for start in starts]
    together = fit_together(starts, few_images, [replace(spec, epochs=1) for spec in seeded(PLAIN)])
    for member in together:
        assert all(value.untyped_storage().nbytes() == value.nbytes for value in member.model.state_dict().values())
    assert all(same(start.state_dict(), old) for start, old in zip(starts, before, strict=True))


def test_in_bfloat16_they_learn_alike(starts: list[ResNet20], few_images: Images) -> None:
    specs = seeded(replace(PLAIN, precision="bfloat16"))
    alone = [fit(start, few_images, spec) for start, spec in zip(starts, specs, strict=True)]
    for member, other in zip(fit_together(starts, few_images, specs), alone, strict=True):
        assert member.history[-1].loss == pytest.approx(other.history[-1].loss, rel=0.05)


def test_one_that_is_told_to_stop_stops_all_at_the_last_whole_epoch(starts: list[ResNet20], few_images: Images) -> None:
    saved = [Saved() for _ in SEEDS]
    told: list[StepProgress] = []
    hooks = [Hooks(on_epoch=save) for save in saved]
    hooks[1] = replace(hooks[1], on_step=told.append, should_stop=lambda: len(told) > STEPS)
    stopped = fit_together(starts, few_images, seeded(PLAIN), hooks=hooks)
    assert [progress.step for progress in told] == [1, 2, 3, 1]
    for member, start, spec, save in zip(stopped, starts, seeded(PLAIN), saved, strict=True):
        assert (member.stopped, len(member.history)) == (True, 1)
        known = fit(start, few_images, spec, resume=save.states[0], hooks=Hooks(should_stop=lambda: True))
        assert same(member.model.state_dict(), known.model.state_dict())


def test_what_does_not_fit_together_is_refused(starts: list[ResNet20], few_images: Images, teacher: ResNet20) -> None:
    specs = seeded(PLAIN)
    with pytest.raises(SpecError, match="differ in their seed alone"):
        fit_together(starts, few_images, [*specs[:2], replace(specs[2], learning_rate=0.01)])
    with pytest.raises(SpecError, match="differ in their seed alone"):
        fit_together([], few_images, [])
    with pytest.raises(SpecError, match="one network, hooks and state each"):
        fit_together(starts[:2], few_images, specs)
    with pytest.raises(SpecError, match="one schedule and normalisation"):
        fit_together([*starts[:2], teacher], few_images, specs)
    saved = [Saved(), Saved()]
    for save, start, spec in zip(saved, starts, specs, strict=False):
        fit(start, few_images, spec, hooks=Hooks(on_epoch=save))
    with pytest.raises(CheckpointError, match="must be of one epoch"):
        fit_together(starts[:2], few_images, specs[:2], resume=[saved[0].states[0], saved[1].states[1]])
