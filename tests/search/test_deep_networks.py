"""Search in networks with many blocks, whose losses are made up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import cost
from roboreg_core.models.linear_costs import linear_cost
from roboreg_core.prediction.sensitivity import curves, plan
from roboreg_core.schedules.schedule import Schedule, dense_schedule
from roboreg_core.search.best_schedules import greedy
from roboreg_core.search.candidate_pool import distinct_rows, exchanges
from roboreg_core.search.candidates import Candidate
from roboreg_core.search.limits import Limits
from roboreg_core.search.refinement import SearchBudget, Trial, refine
from roboreg_core.search.surrogate import AdditiveSurrogate, additive_surrogate
from roboreg_core.sweeps.points import ClassCounts, Point

DEPTHS = (56, 110)
IMAGES, DENSE = 200, 0.92


def counts_of(schedule: Schedule) -> ClassCounts:
    """Correct images of a made-up network: early blocks of a stage lose most."""
    architecture = schedule.architecture
    bounds, counts = np.array(architecture.bounds), np.array(schedule.counts)
    places = np.array(
        [block - architecture.blocks_of(architecture.stage_of(block))[0] for block in architecture.blocks]
    )
    lost = ((np.log(bounds) - np.log(counts)) ** 2 * 0.2 / architecture.n_blocks / (1 + places)).sum()
    right = round(IMAGES / (1 + np.exp(lost - np.log(DENSE / (1 - DENSE)))))
    return ClassCounts(right=(right,) * architecture.n_classes, images=(IMAGES,) * architecture.n_classes)


def point_of(schedule: Schedule) -> Point:
    return Point(schedule=schedule, kept=schedule, validation=counts_of(schedule))


@pytest.fixture(scope="module", params=DEPTHS)
def surrogate(request: pytest.FixtureRequest) -> AdditiveSurrogate:
    grid = plan(4, Architecture(depth=request.param))
    return additive_surrogate(curves(point_of(schedule) for schedule in grid.schedules()))


@given(st.integers(1, 60), st.integers(1, 256), st.integers(0, 99))
def test_distinct_rows_are_those_of_numpy(columns: int, largest: int, seed: int) -> None:
    rows = np.random.default_rng(seed).integers(0, min(largest, 2), size=(50, columns), endpoint=True)
    expected, first = np.unique(rows, axis=0, return_index=True)
    found = distinct_rows(rows, largest)
    assert found.tolist() == first.tolist()
    assert rows[found].tolist() == expected.tolist()
    assert distinct_rows(rows[:0], largest).tolist() == []


def test_exchanges_between_chosen_blocks_are_among_all_exchanges() -> None:
    level = np.array([[8] * 3 + [16] * 3 + [32] * 3, [4] * 3 + [9] * 3 + [20] * 3])
    costs = [linear_cost("macs")]
    caps = costs[0](level)[:, None]
    bounds = np.array(RESNET20.bounds)
    every, source = exchanges(level, caps, costs, bounds)
    moved = np.array([[0, 4], [2, 8]])
    some, origin = exchanges(level, caps, costs, bounds, (moved, moved))
    known = {(row, *counts) for row, counts in zip(source, every.tolist(), strict=True)}
    assert {(row, *counts) for row, counts in zip(origin, some.tolist(), strict=True)} < known
    for row, counts in zip(origin, some, strict=True):
        assert set(np.flatnonzero(counts != level[row])) <= set(moved[row].tolist())
        assert costs[0](counts[None])[0] <= caps[row]


def test_the_best_schedules_meet_their_limit_and_beat_uniform_ones(surrogate: AdditiveSurrogate) -> None:
    dense = cost(dense_schedule(surrogate.architecture))
    limits = Limits(macs=0.5, architecture=surrogate.architecture)
    found = greedy(limits, surrogate)
    assert all(cost(each.schedule).macs <= 0.5 * dense.macs for each in found.answers)
    assert all(each.schedule.architecture == surrogate.architecture for each in found.answers)
    uniform = [each for each in found.uniform if cost(each.schedule).macs <= 0.5 * dense.macs]
    assert found.answers[0].accuracy > max(each.accuracy for each in uniform)
    again = Candidate.from_json(found.answers[0].to_json())
    assert again.schedule == found.answers[0].schedule


def test_limits_on_losses_find_the_smallest(surrogate: AdditiveSurrogate) -> None:
    found = greedy(Limits(drop=0.02, architecture=surrogate.architecture), surrogate).answers[0]
    assert found.drop <= 0.02
    assert cost(found.schedule).macs < cost(found.schedule.dense).macs


def test_limits_of_another_network_are_refused(surrogate: AdditiveSurrogate) -> None:
    with pytest.raises(SpecError, match=r"must be for the network that is searched \(ResNet-\d+\), got limits for"):
        greedy(Limits(macs=0.5), surrogate)


def test_a_refined_search_measures_schedules_within_the_limit() -> None:
    architecture = Architecture(depth=56, n_classes=2)
    surrogate = additive_surrogate(curves(point_of(each) for each in plan(4, architecture).schedules()))
    limits = Limits(parameters=0.4, drop=0.2, architecture=architecture)

    def measure(schedules: Sequence[Schedule]) -> list[ClassCounts]:
        return [counts_of(schedule) for schedule in schedules]

    trials = refine(limits, measure, surrogate, SearchBudget(trials=14))
    assert len({trial.schedule for trial in trials}) == 14
    most = limits.caps["parameters"]
    assert all(cost(trial.schedule).parameters <= most for trial in trials)
    assert [Trial.from_json(trial.to_json()) for trial in trials] == trials
    assert Limits.from_json(limits.to_json()) == limits
