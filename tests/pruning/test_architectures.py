"""Properties of pruning for random architectures, option B included."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from roboreg_core.architecture import Architecture
from roboreg_core.errors import ScheduleError
from roboreg_core.evaluation.logits import logits
from roboreg_core.models.checkpoints import to_bytes
from roboreg_core.models.costs import cost
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.block_context import BlockContext
from roboreg_core.pruning.calibration import dense_reference
from roboreg_core.pruning.least_squares import error, to_unknowns
from roboreg_core.pruning.methods import parse
from roboreg_core.pruning.prune import Pruner, PruneSpec, prune
from roboreg_core.pruning.prune_block import advance, prune_block
from roboreg_core.schedules.schedule import Schedule, dense_schedule, presets
from tests.architectures import architectures, images_for, schedules_of
from tests.conftest import random_network
from tests.models.counted import count
from tests.pruning.test_prune import doubled
from tests.tolerance import assert_same, assert_same_logits

SMALL = architectures(max_depth=26, max_width=8, max_classes=20, max_size=32)
DEEP = Architecture(depth=56, base_width=4, shortcut="B", n_classes=100, image_size=16)


@given(SMALL, st.sampled_from(["refit", "merge", "l1", "source"]), st.booleans())
@settings(max_examples=20)
def test_keeping_every_filter_is_the_identity(architecture: Architecture, method: str, recalibrate: bool) -> None:
    model, images = random_network(dense_schedule(architecture)), images_for(architecture, 10)
    pruned = prune(
        model, dense_schedule(architecture), PruneSpec(method=method, recalibrate=recalibrate), calibration=images
    )
    assert to_bytes(pruned.model) == to_bytes(model)


@given(SMALL.filter(lambda each: each.base_width % 2 == 0), st.sampled_from(["refit", "merge"]), st.booleans())
@settings(max_examples=20)
def test_merging_exact_duplicates_changes_nothing(architecture: Architecture, method: str, recalibrate: bool) -> None:
    model, images = doubled(random_network(dense_schedule(architecture))), images_for(architecture, 10)
    half = presets(architecture)["moderate"]
    pruned = prune(model, half, PruneSpec(method=method, recalibrate=recalibrate), calibration=images)
    assert pruned.model.schedule == half
    assert_same_logits(logits(pruned.model, images), logits(model, images), network=dense_schedule(architecture))


@given(schedules_of(SMALL), st.data())
@settings(max_examples=25)
def test_refit_is_never_worse_on_its_images_than_the_selection_it_starts_from(
    schedule: Schedule, data: st.DataObject
) -> None:
    architecture = schedule.architecture
    model, images = random_network(schedule.dense), images_for(architecture, 20)
    number = data.draw(st.sampled_from(architecture.blocks))
    with torch.no_grad():
        inputs = model.through(model.stem(model.prepare(images.pixels)), 0, number - 1)
    dense = dense_reference(model, images, 0).blocks[number - 1]
    errors = []
    for method in ("l1", "filter/none/l1/refit", "filter/none/l1/refit+blend"):
        context = BlockContext(number, model.blocks[number - 1], parse(method), 0, (inputs,), dense)
        block = prune_block(context, schedule.counts[number - 1])
        moments = context.statistics(block.tensors).moments
        errors.append(error(moments, to_unknowns(*block.output_norm.fold(block.tensors.conv2)).double()))
    selected, refitted, mixed = errors
    # Relative to the targets, because the error of a block that keeps all filters is zero up to rounding.
    tolerance = 1e-6 * float(moments.energy.sum())
    assert refitted <= selected * (1 + 1e-3) + tolerance
    assert mixed <= refitted * (1 + 1e-3) + tolerance


@given(schedules_of(SMALL), st.data())
@settings(max_examples=20)
def test_advancing_is_the_block_in_eval_mode(schedule: Schedule, data: st.DataObject) -> None:
    architecture = schedule.architecture
    model, images = random_network(schedule.dense), images_for(architecture, 4)
    number = data.draw(st.sampled_from(architecture.blocks))
    with torch.no_grad():
        inputs = model.through(model.stem(model.prepare(images.pixels)), 0, number - 1)
        expected = model.blocks[number - 1](inputs)
        dense = dense_reference(model, images, 0).blocks[number - 1]
        context = BlockContext(number, model.blocks[number - 1], parse("merge"), 0, (inputs,), dense)
        found = torch.cat(advance(context, prune_block(context, architecture.bounds[number - 1])))
    assert_same(found, expected, terms=9 * max(architecture.bounds), depth=3)


@given(schedules_of(SMALL), st.sampled_from(["refit", "merge"]))
@settings(max_examples=20)
def test_a_pruned_network_has_the_costs_of_its_schedule(schedule: Schedule, method: str) -> None:
    model, images = random_network(schedule.dense), images_for(schedule.architecture, 20)
    pruned = prune(model, schedule, PruneSpec(method=method, recalibrate=True), calibration=images)
    counted = cost(pruned.model.schedule)
    assert pruned.model.schedule == schedule
    assert count(pruned.model) == (counted.parameters, counted.macs)
    assert torch.isfinite(logits(pruned.model, images)).all()


def test_a_deep_network_with_many_classes_comes_close_to_its_dense_one() -> None:
    model, images = _calm(random_network(dense_schedule(DEEP))), images_for(DEEP, 200)
    wanted = logits(model, images)
    far, near = (
        (logits(prune(model, presets(DEEP)["moderate"], PruneSpec(method=method), calibration=images).model, images)
         - wanted).norm() / wanted.norm()
        for method in ("l1", "refit")
    )  # fmt: skip
    assert near < 0.3 * far


def test_another_schedule_of_many_blocks_costs_only_what_differs() -> None:
    model, images = random_network(dense_schedule(DEEP)), images_for(DEEP, 20)
    pruner = Pruner(model, PruneSpec(method="merge"), calibration=images)
    half = presets(DEEP)["moderate"]
    pruner.prune(half)
    for block in (27, 9, 1):
        visited: list[int] = []
        pruner.prune(half.replace(block, 1), on_block=visited.append)
        assert visited[0] <= block
        assert visited[-1] == DEEP.n_blocks


def test_a_schedule_of_another_architecture_is_refused() -> None:
    model = random_network(presets()["moderate"])
    other = Schedule(presets()["quarter"].counts, Architecture(n_classes=100))
    with pytest.raises(ScheduleError, match=r"for this network \(ResNet-20\), got one for ResNet-20, 100 classes"):
        prune(model, other, PruneSpec(method="merge"))


def _calm(model: ResNet) -> ResNet:
    """Branches scaled down, so that the activations of a deep random network stay near one."""
    with torch.no_grad():
        for block in model.blocks:
            block.bn2.weight *= 0.2
            block.bn2.bias *= 0.2
    return model
