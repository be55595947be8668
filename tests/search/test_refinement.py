"""Search by measurement: within limits, continues after an interruption, updates the surrogate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from roboreg_core.errors import SpecError
from roboreg_core.models.costs import cost
from roboreg_core.models.linear_costs import linear_cost
from roboreg_core.prediction.sensitivity import curves
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.search import best_schedules
from roboreg_core.search.limits import Limits
from roboreg_core.search.refinement import BATCH, SearchBudget, Trial, measured_candidates, refine
from roboreg_core.search.surrogate import AdditiveSurrogate, additive_surrogate
from roboreg_core.search.surrogate_update import updated_surrogates
from roboreg_core.sweeps.points import ClassCounts
from tests.search.helpers import WEIGHTS, accuracy_of, points_of_curves, seen_of

# True losses: block 7 loses far less than its curve predicts, block 3 more.
TRUTH = WEIGHTS * np.array([1, 1, 2.0, 1, 1, 1, 0.2, 1, 1])
HALF = Limits(macs=0.5)
Measure = Callable[[Sequence[Schedule]], list[ClassCounts]]


@pytest.fixture(scope="module")
def surrogate() -> AdditiveSurrogate:
    return additive_surrogate(curves(points_of_curves()))


def measure(schedules: Sequence[Schedule]) -> list[ClassCounts]:
    return [seen_of(schedule, TRUTH, images=5_000) for schedule in schedules]


@pytest.fixture(scope="module")
def trials(surrogate: AdditiveSurrogate) -> list[Trial]:
    return refine(HALF, measure, surrogate, SearchBudget(trials=26))


def test_so_many_different_schedules_are_measured_all_within_the_limits(trials: list[Trial]) -> None:
    assert len(trials) == len({trial.schedule for trial in trials}) == 26
    assert max(cost(trial.schedule).macs for trial in trials) <= HALF.caps["macs"]
    assert {trial.source for trial in trials} == {"greedy", "uniform", "exchange"}
    assert trials[0].class_counts == measure([trials[0].schedule])[0]


def test_measuring_finds_better_schedules_than_the_curves(surrogate: AdditiveSurrogate, trials: list[Trial]) -> None:
    def truth(schedule: Schedule) -> float:
        return float(accuracy_of(np.array([schedule.counts]), TRUTH)[0])

    found = best_schedules.best_measured(HALF, measured_candidates(trials, surrogate))
    before = best_schedules.greedy(HALF, surrogate).answers[0]
    [uniform] = [trial for trial in trials if trial.source == "uniform"]
    assert max(truth(trial.schedule) for trial in trials) > truth(before.schedule)
    assert truth(found[0].schedule) > truth(uniform.schedule) + 0.002
    assert found[0].measured == measure([found[0].schedule])[0]
    assert any(each.front for each in found)


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(surrogate: AdditiveSurrogate, trials: list[Trial]) -> None:
    kept: list[list[Trial]] = []
    refine(
        HALF,
        measure,
        surrogate,
        SearchBudget(trials=2 * BATCH),
        on_trials=lambda found: kept.append(list(found)),
    )
    assert [len(each) for each in kept] == [BATCH, 2 * BATCH]
    read = [Trial.from_json(trial.to_json()) for trial in kept[-1]]
    assert refine(HALF, measure, surrogate, SearchBudget(trials=26), known=read) == trials


def test_the_smallest_within_losses_is_found_and_truly_keeps_them(surrogate: AdditiveSurrogate) -> None:
    limits = Limits(drop=0.03, class_drop=0.05)
    found = refine(limits, measure, surrogate, SearchBudget(trials=24))
    [best, *_] = best_schedules.best_measured(limits, measured_candidates(found, surrogate))
    assert best.measured is not None
    assert best.drop <= 0.03
    assert max(best.class_drops) <= 0.05
    # By the curves alone a network is found that breaks the limits in truth, or one that is larger.
    assert cost(best.schedule).macs < 0.6 * cost(presets()["dense"]).macs


def test_an_update_finds_the_factor_of_each_block(surrogate: AdditiveSurrogate) -> None:
    drawn = np.random.default_rng(0).integers([2, 2, 2, 4, 4, 4, 8, 8, 8], [17] * 3 + [33] * 3 + [65] * 3, size=(60, 9))
    schedules = [Schedule(tuple(row)) for row in drawn.tolist()]
    measured = list(zip(schedules, measure(schedules), strict=True))
    [likely, *others] = updated_surrogates(surrogate, measured, 4, np.random.default_rng(1))
    asked = np.random.default_rng(2).integers([2, 2, 2, 4, 4, 4, 8, 8, 8], [17] * 3 + [33] * 3 + [65] * 3, size=(60, 9))
    error = [np.abs(each.accuracy(asked) - accuracy_of(asked, TRUTH)).mean() for each in (surrogate, likely)]
    assert error[1] < 0.75 * error[0]
    assert len(others) == 3
    ratio = likely.losses[0, :, 0] / surrogate.losses[0, :, 0]
    assert ratio[6] < 0.6
    assert ratio[2] > 1.2


def test_trials_of_a_source_that_is_no_longer_used_are_read_and_gone_on_from(
    surrogate: AdditiveSurrogate, trials: list[Trial]
) -> None:
    old = [Trial.from_json({**trial.to_json(), "source": "sampler"}) for trial in trials[: 2 * BATCH]]
    found = refine(HALF, measure, surrogate, SearchBudget(trials=3 * BATCH), known=old)
    assert found[: 2 * BATCH] == old
    assert {trial.source for trial in found[2 * BATCH :]} == {"exchange"}


def test_nonsense_is_refused(surrogate: AdditiveSurrogate) -> None:
    with pytest.raises(SpecError, match=r"trials must be 1..1000, got 0"):
        SearchBudget(trials=0)
    with pytest.raises(SpecError, match="limit latency needs networks that were timed"):
        refine(Limits(latency=1.0), measure, surrogate, SearchBudget(trials=1))
    line = linear_cost("macs")
    with pytest.raises(SpecError, match=r"limit latency must be at least .*raise it"):
        refine(Limits(latency=0.5), measure, surrogate, SearchBudget(trials=1), latency=line)
