"""Greedy search: within limits, never worse than uniform schedules, independent of order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from roboreg_core.architecture import RESNET20
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import cost
from roboreg_core.models.linear_costs import COUNTED, LinearCost, linear_cost
from roboreg_core.prediction.sensitivity import curves
from roboreg_core.schedules.schedule import Schedule, dense_schedule, presets
from roboreg_core.search import best_schedules
from roboreg_core.search.best_schedules import greedy
from roboreg_core.search.candidate_pool import CandidatePool, build_pool
from roboreg_core.search.candidates import Candidate, candidates
from roboreg_core.search.limits import Limits, uniform_counts, within
from roboreg_core.search.surrogate import AdditiveSurrogate, additive_surrogate
from roboreg_core.sweeps.points import ClassCounts
from tests.search.helpers import points_of_curves

BUDGETS = (0.09, 0.2, 0.35, 0.5, 0.51, 0.8, 0.97)


@pytest.fixture(scope="module")
def surrogate() -> AdditiveSurrogate:
    return additive_surrogate(curves(points_of_curves()))


@pytest.fixture(scope="module")
def by_macs(surrogate: AdditiveSurrogate) -> CandidatePool:
    return build_pool(surrogate, [linear_cost("macs")])


def test_a_pool_holds_each_schedule_once_with_its_own_accuracy(
    surrogate: AdditiveSurrogate, by_macs: CandidatePool
) -> None:
    assert len(np.unique(by_macs.counts, axis=0)) == len(by_macs.counts)
    assert by_macs.counts.tolist() == sorted(by_macs.counts.tolist())
    np.testing.assert_allclose(by_macs.accuracy, surrogate.accuracy(by_macs.counts), rtol=1e-12)


def test_every_cost_is_a_line() -> None:
    drawn = np.random.default_rng(0).integers(1, RESNET20.bounds, size=(20, 9), endpoint=True)
    for kind in COUNTED:
        reported = linear_cost(kind)(drawn)
        assert reported.tolist() == [getattr(cost(Schedule(tuple(row.tolist()))), kind) for row in drawn]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({}, "needs a limit, got none"),
        ({"macs": 0.01}, r"1,9\d\d,\d\d\d \(0.04\d+ of the dense network's, 4\.\d+ %\).*got 0.01 \(1 %\); raise it"),
        ({"parameters": 100}, "limit parameters must be at least 7,420 "),
        ({"macs": 1.0}, "must rule something out, got 40,551,040 MACs, which the dense network"),
        ({"macs": 1.5}, "a share up to 1 of the dense network's 40,551,040 or a whole number, got 1.5"),
        ({"macs": -3}, "or a whole number, got -3"),
        ({"macs": float("nan")}, "limit macs must be a number, got nan"),
        ({"drop": 1.5}, "limit drop must be a share 0..1 of the images"),
        ({"class_drop": -0.1}, "limit class_drop must be a share"),
        ({"latency": 0.0}, "limit latency must be more than 0 seconds"),
    ],
)
def test_nonsense_is_refused_with_rule_value_and_remedy(limits: dict[str, float], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        Limits(**limits)


def test_the_share_that_a_refusal_names_is_enough() -> None:
    with pytest.raises(SpecError) as refused:
        Limits(macs=0.01)
    share = float(str(refused.value).split("(")[1].split()[0])
    assert Limits(macs=share).caps["macs"] >= cost(Schedule((1,) * 9)).macs


def test_limits_survive_json_and_say_what_they_are() -> None:
    limits = Limits(macs=0.5, class_drop=0.03)
    assert Limits.from_json(limits.to_json()) == limits
    assert limits.words == "at most 20,275,520 MACs, no class loses over 3 percentage points"
    with pytest.raises(SpecError, match="got 'weight'"):
        Limits.from_json({"weight": 3})


@pytest.mark.parametrize(
    "limits",
    [
        *(Limits(macs=budget) for budget in BUDGETS),
        Limits(parameters=0.4),
        Limits(size_bytes=300_000),
        Limits(macs=0.6, parameters=0.3),
        Limits(macs=0.7, drop=0.02, class_drop=0.05),
        Limits(class_drop=0.03),
    ],
    ids=lambda limits: limits.words,
)
def test_answers_keep_the_limits_exactly(limits: Limits, surrogate: AdditiveSurrogate) -> None:
    found = greedy(limits, surrogate)
    assert 1 <= len(found.answers) <= best_schedules.N_BEST
    for each in (*found.answers, *found.front):
        counted = cost(each.schedule)
        assert all(getattr(counted, kind) <= cap for kind, cap in limits.caps.items())
        assert each.excess(limits) == 0
    assert list(found.answers) == sorted(found.answers, key=best_schedules.ranking_key(limits))


@pytest.mark.parametrize("kind", COUNTED)
@pytest.mark.parametrize("row", [5, 20, 31, 47, 60])
def test_no_uniform_schedule_of_that_cost_is_better(kind: str, row: int, surrogate: AdditiveSurrogate) -> None:
    counts = uniform_counts()[row]
    uniform = Schedule(tuple(counts.tolist()))
    best = greedy(Limits(**{kind: getattr(cost(uniform), kind)}), surrogate).answers[0]
    assert best.predicted is not None
    assert best.predicted >= surrogate.accuracy(counts[None])[0]


def test_a_wider_limit_never_gives_a_worse_answer(surrogate: AdditiveSurrogate, by_macs: CandidatePool) -> None:
    budgets = np.linspace(0.06, 0.99, 25)
    best = [greedy(Limits(macs=float(budget)), surrogate, pool=by_macs).answers[0].accuracy for budget in budgets]
    assert best == sorted(best)
    drops = [greedy(Limits(drop=drop), surrogate, pool=by_macs).answers[0] for drop in (0.0, 0.01, 0.02, 0.05, 0.2)]
    macs = [cost(each.schedule).macs for each in drops]
    assert macs == sorted(macs, reverse=True)
    assert drops[0].accuracy == surrogate.dense.accuracy


@pytest.mark.parametrize("budget", BUDGETS)
def test_with_additive_losses_the_result_is_close_to_the_optimum(
    budget: float, surrogate: AdditiveSurrogate, by_macs: CandidatePool
) -> None:
    limits = Limits(macs=budget)
    found = greedy(limits, surrogate, pool=by_macs).answers[0]
    lost = surrogate._sum(np.array([found.schedule.counts]), 0)[0]
    assert lost <= 1.04 * least_lost(surrogate, limits.caps["macs"]) + 1e-3


def least_lost(surrogate: AdditiveSurrogate, cap: float) -> float:
    """Smallest sum of losses within a MAC budget, by dynamic programming in units of the greatest common divisor."""
    line = linear_cost("macs")
    unit = int(np.gcd.reduce(line.each.astype(np.int64)))
    prices, room = (line.each // unit).astype(int), int((cap - line.base) // unit)
    best = np.zeros(room + 1)
    for block, bound in enumerate(RESNET20.bounds):
        after = np.full(room + 1, np.inf)
        for count in range(1, bound + 1):
            price = count * prices[block]
            if price <= room:
                after[price:] = np.minimum(
                    after[price:], best[: room + 1 - price] + surrogate.losses[0, block, count - 1]
                )
        best = after
    return float(best[-1])


def test_the_result_is_deterministic_and_independent_of_order(
    surrogate: AdditiveSurrogate, by_macs: CandidatePool
) -> None:
    limits = Limits(macs=0.4, class_drop=0.1)
    shuffled = np.random.default_rng(1).permutation(len(by_macs.counts))
    other = CandidatePool(counts=by_macs.counts[shuffled], accuracy=by_macs.accuracy[shuffled])
    assert greedy(limits, surrogate) == greedy(limits, surrogate, pool=by_macs) == greedy(limits, surrogate, pool=other)
    backwards = additive_surrogate(curves(points_of_curves()[::-1]))
    assert greedy(limits, backwards) == greedy(limits, surrogate)


def test_answers_differ_from_each_other(surrogate: AdditiveSurrogate, by_macs: CandidatePool) -> None:
    found = greedy(Limits(macs=0.5), surrogate, pool=by_macs).answers
    shares = np.array([each.schedule.counts for each in found]) / np.array(RESNET20.bounds)
    apart = np.abs(shares[:, None] - shares[None]).sum(2)[~np.eye(len(found), dtype=bool)]
    assert apart.min() >= best_schedules.APART


def test_impossible_limits_together_are_refused_with_what_would_do(
    surrogate: AdditiveSurrogate, by_macs: CandidatePool
) -> None:
    with pytest.raises(SpecError, match=r"no schedule is predicted to meet.*limit drop must be at least 0\.\d+ here"):
        greedy(Limits(macs=0.1, drop=0.01), surrogate, pool=by_macs)
    with pytest.raises(SpecError, match="limit class_drop must be at least") as refused:
        greedy(Limits(macs=0.1, class_drop=0.01), surrogate, pool=by_macs)
    enough = float(str(refused.value).split("at least ")[1].split()[0])
    assert greedy(Limits(macs=0.1, class_drop=enough), surrogate, pool=by_macs).answers


def test_limits_missed_by_less_than_the_prediction_error_are_doubtful(
    surrogate: AdditiveSurrogate, by_macs: CandidatePool
) -> None:
    with pytest.raises(SpecError) as refused:
        greedy(Limits(macs=0.1, class_drop=0.01), surrogate, pool=by_macs)
    enough = float(str(refused.value).split("at least ")[1].split()[0])
    limits = Limits(macs=0.1, class_drop=enough - 0.01)
    found = greedy(limits, surrogate, pool=by_macs)
    assert found.doubtful
    assert 0 < found.answers[0].excess(limits) < best_schedules.PREDICTION_ERROR["class_drop"]
    assert not greedy(Limits(macs=0.1, class_drop=enough), surrogate, pool=by_macs).doubtful


def test_a_class_that_suffers_more_is_seen_and_a_limit_on_it_buys_a_larger_network(
    surrogate: AdditiveSurrogate, by_macs: CandidatePool
) -> None:
    free = greedy(Limits(drop=0.05), surrogate, pool=by_macs).answers[0]
    assert free.worst_class == 3
    assert free.class_drops[3] > free.drop
    kept = greedy(Limits(drop=0.05, class_drop=0.03), surrogate, pool=by_macs).answers[0]
    assert cost(kept.schedule).macs > cost(free.schedule).macs


def test_latency_is_limited_by_an_estimated_line(surrogate: AdditiveSurrogate) -> None:
    with pytest.raises(SpecError, match="limit latency needs networks that were timed"):
        greedy(Limits(latency=0.1), surrogate)
    line = LinearCost(base=0.01, each=linear_cost("macs").each * 1e-9)
    with pytest.raises(SpecError, match=r"limit latency must be at least 11\.\d+ ms .*, got 5 ms"):
        greedy(Limits(latency=0.005), surrogate, latency=line)
    best = greedy(Limits(latency=0.03), surrogate, latency=line).answers[0]
    assert best.latency is not None
    assert 0.029 < best.latency <= 0.03


def test_candidates_survive_json_and_say_their_noise(surrogate: AdditiveSurrogate, by_macs: CandidatePool) -> None:
    [first, *_] = greedy(Limits(macs=0.5), surrogate, pool=by_macs).answers
    assert Candidate.from_json(first.to_json()) == first
    # 200 images a class, both networks: about five points.
    assert 0.04 < first.class_margin < 0.08
    assert 0.01 < first.margin < 0.02
    assert first.to_json()["macs"] == cost(first.schedule).macs


def test_best_measured_are_within_the_limits(surrogate: AdditiveSurrogate) -> None:
    counts = np.array([presets()[name].counts for name in ("quarter", "moderate", "three-quarters", "dense")])
    bare = candidates(counts, surrogate)
    measured = [replace(each, measured=seen) for each, seen in zip(bare, _seen_of(bare), strict=True)]
    found = best_schedules.best_measured(Limits(macs=0.55, drop=0.5), measured)
    assert [each.schedule.name for each in found] == ["moderate", "quarter"]
    assert best_schedules.best_measured(Limits(macs=0.1), measured) == ()
    assert best_schedules.closest_candidates(Limits(drop=0.0), measured)[0].schedule.name == "dense"
    smallest = best_schedules.best_measured(Limits(drop=measured[1].drop), measured)[0]
    assert smallest.schedule.name == "moderate"
    assert smallest.measured is not None


def _seen_of(bare: tuple[Candidate, ...]) -> list[ClassCounts]:
    from tests.search.helpers import seen_of

    return [seen_of(each.schedule) for each in bare]


def test_within_and_uniform_schedules() -> None:
    rows = uniform_counts()
    assert (rows[-1] == RESNET20.bounds).all()
    assert (rows >= 1).all()
    assert (rows[31] == presets()["moderate"].counts).all()
    kept = within(rows, {"macs": float(cost(dense_schedule()).macs // 2)}, {"macs": linear_cost("macs")})
    assert kept.sum() == 31
