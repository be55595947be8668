"""Measuring schedules with shared prefixes gives the same results as measuring each alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from roboreg_core.datasets.images import Images
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.logits import fold_batch_norm, logits
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.prune import Pruner, PruneSpec, prune
from roboreg_core.schedules.schedule import Schedule, by_stage, presets
from roboreg_core.sweeps import shared_prefix as walking
from roboreg_core.sweeps.points import ClassCounts
from roboreg_core.sweeps.shared_prefix import SharedPrefixEvaluator, measure_schedules
from tests.tolerance import assert_same_logits

Make = Callable[..., ResNet]
MEMORY = 2**30
TREE = [
    by_stage((4, 8, 8)),
    by_stage((4, 8, 16)),
    by_stage((4, 8, 16)).replace(9, 5),
    by_stage((4, 16, 8)),
    by_stage((4, 16, 8)).replace(4, 9),
    by_stage((8, 8, 8)),
    presets()["dense"],
]


@pytest.mark.parametrize(
    "spec", [PruneSpec(method="l1"), PruneSpec(calibration=20), PruneSpec(method="l1", recalibrate=True)]
)
@pytest.mark.parametrize("memory", [MEMORY, 0])
def test_points_are_those_of_schedules_measured_one_by_one(
    make_network: Make, few_images: Images, spec: PruneSpec, memory: int
) -> None:
    model, images = make_network(), few_images
    sets = {"validation": images, "test": images.take(torch.arange(30), "30 images")}
    pruner = Pruner(model, spec, calibration=images)
    points = list(measure_schedules(pruner, reversed(TREE), sets, memory_bytes=memory))
    assert [point.schedule for point in points] == sorted(TREE, key=lambda schedule: schedule.counts)
    for point in points[::2]:
        alone = prune(model, point.schedule, spec, calibration=images).model
        for name, several in sets.items():
            seen = ClassCounts.of(logits(alone, several).argmax(1), several.labels, 10)
            assert getattr(point, name) == seen
        assert (point.method, point.recalibrate, point.kept) == (spec.method, spec.recalibrate, alone.schedule)


def test_logits_behind_a_shared_beginning_equal_those_of_a_whole_pass(make_network: Make, few_images: Images) -> None:
    pruner = Pruner(make_network(), PruneSpec(method="l1"))
    networks = [pruner.prune(schedule).model for schedule in sorted(TREE, key=lambda each: each.counts)]
    trail = SharedPrefixEvaluator(few_images, torch.device("cpu"), MEMORY)
    # Some are kept, some not; the same network again, and one that begins anew.
    for network, branches in zip(
        [*networks, networks[-1], networks[0]], [[6, 3], [8], [], [3], [1], [], [], [], []], strict=True
    ):
        folded = fold_batch_norm(network).to(memory_format=torch.channels_last)
        found = trail.logits(folded, branches, lambda: None)
        assert_same_logits(found, logits(network, few_images))


def test_shared_blocks_are_pruned_once(make_network: Make, few_images: Images) -> None:
    blocks: list[int] = []
    schedules = [by_stage((4, 8, k)) for k in (8, 16, 32)]
    pruner = Pruner(make_network(), PruneSpec(method="l1"))
    list(measure_schedules(pruner, schedules, {"validation": few_images}, on_block=blocks.append))
    pruned = [number for number in blocks if number]
    assert pruned == [*range(1, 10), 7, 8, 9, 7, 8, 9]


def test_a_network_begins_at_the_deepest_of_what_it_shares(
    make_network: Make, few_images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    pruner = Pruner(make_network(), PruneSpec(method="l1"))
    first, second = (fold_batch_norm(pruner.prune(by_stage((4, 8, k))).model) for k in (8, 16))
    trail = SharedPrefixEvaluator(few_images, torch.device("cpu"), MEMORY)
    trail.logits(first, [6, 3], lambda: None)
    begun: list[int] = []
    through = ResNet.through

    def spy(self: ResNet, x: torch.Tensor, first: int = 0, end: int | None = None) -> torch.Tensor:
        begun.append(first)
        return through(self, x, first, end)

    monkeypatch.setattr(ResNet, "through", spy)
    trail.logits(second, [6, 3], lambda: None)
    assert set(begun) == {6}
    assert [kept.depth for kept in trail._kept] == [3, 6]


def test_activations_are_cached_where_later_schedules_branch_off() -> None:
    order = [Schedule((1, 1, 1, 1, 1, 1, 1, 1, last)) for last in (1, 2)]
    order += [Schedule((1, 1, 1, 2, 1, 1, 1, 1, last)) for last in (1, 2)]
    order += [Schedule((2, 1, 1, 1, 1, 1, 1, 1, 1))]
    assert walking._branches(order) == [[8, 3], [3], [8], [], []]


def test_an_interrupted_evaluation_leaves_no_wrong_cache(make_network: Make, few_images: Images) -> None:
    class StoppedError(Exception):
        pass

    model, calls = make_network(), iter(range(1_000))

    def stop(number: int) -> None:
        if number == 0 and next(calls) == 1:
            raise StoppedError

    pruner = Pruner(model, PruneSpec(method="l1"))
    with pytest.raises(StoppedError):
        list(measure_schedules(pruner, TREE, {"test": few_images}, on_block=stop))
    again = [point.test for point in measure_schedules(pruner, TREE, {"test": few_images})]
    fresh = measure_schedules(Pruner(model, PruneSpec(method="l1")), TREE, {"test": few_images})
    assert again == [point.test for point in fresh]


@pytest.mark.parametrize("names", [(), ("train",)])
def test_only_validation_and_test_images_are_measured_on(
    make_network: Make, few_images: Images, names: tuple[str, ...]
) -> None:
    pruner = Pruner(make_network(), PruneSpec(method="l1"))
    with pytest.raises(SpecError, match="validation and test"):
        list(measure_schedules(pruner, TREE, dict.fromkeys(names, few_images)))


def test_nothing_to_measure_is_no_error(make_network: Make, few_images: Images) -> None:
    assert list(measure_schedules(Pruner(make_network(), PruneSpec(method="l1")), [], {"test": few_images})) == []
