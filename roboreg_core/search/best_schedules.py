"""Best schedules within limits: the most accurate, or the smallest that loses no more than allowed.

`greedy` uses a surrogate alone and takes seconds. It returns the best schedules within the limits from a candidate pool
that does not depend on the limits' amounts. A wider limit therefore never gives a worse schedule, and no uniform
schedule of the same cost is better.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import cost
from roboreg_core.models.linear_costs import COUNTED, LinearCost, linear_cost
from roboreg_core.search.candidate_pool import CandidatePool, build_pool
from roboreg_core.search.candidates import Candidate, candidates, front
from roboreg_core.search.limits import Limits, cost_words, uniform_counts, within
from roboreg_core.search.surrogate import Surrogate

N_BEST = 5
FRONT_POINTS = 24
# Typical error of predicted losses on unmeasured schedules, see docs/decisions.md.
PREDICTION_ERROR = {"drop": 0.01, "class_drop": 0.02}
# If no schedule meets the limits, keep those whose violation exceeds the smallest by at most this.
NEAR = 0.002
# Minimum distance between returned schedules, see `select_distant`.
APART = 0.5


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """Result of a search.

    Attributes:
        answers: the best few schedules within the limits, best first, at least `APART` from each other.
        front: Pareto-optimal schedules (accuracy against MACs) within the limits, smallest first.
        doubtful: True if `answers` are predicted to miss a limit on losses by less than the prediction error.
        uniform: schedules that keep the same share of every block, smallest first, for reference.
    """

    answers: tuple[Candidate, ...]
    front: tuple[Candidate, ...]
    uniform: tuple[Candidate, ...]
    doubtful: bool = False


def greedy(
    limits: Limits, surrogate: Surrogate, *, latency: LinearCost | None = None, pool: CandidatePool | None = None
) -> SearchResult:
    """Find the best schedules by a surrogate, without measuring any.

    Args:
        limits: limits to meet; with a limit on a cost the most accurate are best, else those with fewest MACs.
        surrogate: predicts accuracy and recall.
        latency: estimated seconds per batch of 256 images, required with a limit on latency.
        pool: candidate pool, see `build_pool`; built here if None.

    Raises `SpecError`: every schedule misses the limits by more than the prediction error, latency is limited without
    an estimate, or limits and surrogate are of two architectures.
    """
    architecture = _common(limits, surrogate)
    costs = checked_linear_costs(limits, latency)
    pool = pool or build_pool(surrogate, [costs[kind] for kind in limits.caps] or [costs["macs"]])
    kept = within(pool.counts, limits.caps, costs)
    counts, accuracy = pool.counts[kept], pool.accuracy[kept]
    kept = _within_losses(limits, surrogate, counts)
    counts, accuracy = counts[kept], accuracy[kept]
    macs = costs["macs"](counts)
    by = (macs, -accuracy) if limits.caps else (-accuracy, macs)
    # Break ties lexicographically, so that the order of the pool does not matter.
    order = np.lexsort((*counts.T[::-1], *by))
    counts, macs, accuracy = counts[order], macs[order], accuracy[order]
    return SearchResult(
        answers=front(candidates(counts[select_distant(counts, N_BEST, APART, architecture)], surrogate, latency)),
        front=front(candidates(counts[_front_rows(macs, accuracy)], surrogate, latency)),
        uniform=candidates(uniform_counts(architecture), surrogate, latency),
        doubtful=bool(limit_violation(limits, surrogate, counts[:1])[0] > 0),
    )


def best_measured(limits: Limits, measured: Sequence[Candidate], n: int = N_BEST) -> tuple[Candidate, ...]:
    """Up to `n` measured candidates that meet all limits, best first (`ranking_key`), without near duplicates."""
    caps = {kind: cap for kind, cap in limits.caps.items() if kind in COUNTED}
    counts = np.array([each.schedule.counts for each in measured], dtype=np.int64)
    counts = counts.reshape(-1, limits.architecture.n_blocks)
    fits = within(counts, caps, linear_costs(None, limits.architecture))
    kept = [
        each
        for each, fit in zip(measured, fits, strict=True)
        if fit and each.excess(limits) == 0 and _fast_enough(each, limits)
    ]
    kept.sort(key=ranking_key(limits))
    if not kept:
        return ()
    chosen = select_distant(np.array([each.schedule.counts for each in kept]), n, APART, limits.architecture)
    return front([kept[place] for place in chosen])


def closest_candidates(limits: Limits, measured: Sequence[Candidate], n: int = N_BEST) -> tuple[Candidate, ...]:
    """The `n` measured candidates that exceed the limits on losses least, see `Candidate.excess`; least first."""
    key = ranking_key(limits)
    return tuple(sorted(measured, key=lambda each: (each.excess(limits), *key(each)))[:n])


def ranking_key(limits: Limits) -> Callable[[Candidate], tuple[Any, ...]]:
    """Key for `sorted` that orders candidates, best first.

    Best is the most accurate if a cost is limited, else the one with fewest MACs.
    """

    def key(each: Candidate) -> tuple[Any, ...]:
        macs = cost(each.schedule).macs
        return (
            *((-each.ranking_accuracy, macs) if limits.caps else (macs, -each.ranking_accuracy)),
            each.schedule.counts,
        )

    return key


def linear_costs(latency: LinearCost | None, architecture: Architecture = RESNET20) -> dict[str, LinearCost]:
    """Linear functions by name of cost: those in `COUNTED`, and `latency` unless it is None."""
    costs = {kind: linear_cost(kind, architecture) for kind in COUNTED}
    return costs if latency is None else {**costs, "latency": latency}


def _common(limits: Limits, surrogate: Surrogate) -> Architecture:
    if limits.architecture != surrogate.architecture:
        raise SpecError(
            f"limits must be for the network that is searched ({surrogate.architecture.label}), got limits for "
            f"{limits.architecture.label}; give them for this network"
        )
    return surrogate.architecture


def _fast_enough(each: Candidate, limits: Limits) -> bool:
    seconds = each.timed if each.timed is not None else each.latency
    return limits.latency is None or (seconds is not None and seconds <= limits.latency)


def checked_linear_costs(limits: Limits, latency: LinearCost | None) -> dict[str, LinearCost]:
    """Linear functions by name of cost: those in `COUNTED`, and `latency` unless it is None.

    Raises `SpecError`: a limited cost is unavailable, or one filter per block already exceeds a limit.
    """
    costs = linear_costs(latency, limits.architecture)
    for kind, cap in limits.caps.items():
        if kind not in costs:
            raise SpecError(
                f"limit {kind} needs networks that were timed, got none: do some runs first or leave it out"
            )
        least = float(costs[kind](np.ones((1, limits.architecture.n_blocks)))[0])
        if cap < least:
            raise SpecError(
                f"limit {kind} must be at least {cost_words(kind, least)}, the estimate for one filter per block, got "
                f"{cost_words(kind, cap)}; raise it"
            )
    return costs


def limit_violation(limits: Limits, surrogate: Surrogate, counts: np.ndarray) -> np.ndarray:
    """Sum of the amounts by which predicted losses of accuracy and recall exceed their limits, (n,).

    Losses are shares, 0..1; the sum is 0 if all limits are met. `counts`, int (n, n_blocks), are the filter counts of
    n schedules.
    """
    over = (np.maximum(lost - most, 0.0) for _, lost, most in _losses(limits, surrogate, counts))
    return sum(over, np.zeros(len(counts)))


def _losses(limits: Limits, surrogate: Surrogate, counts: np.ndarray) -> Iterator[tuple[str, np.ndarray, float]]:
    """Name, predicted losses (n,) and maximum for every limit on losses."""
    if limits.drop is not None:
        yield "drop", surrogate.dense.accuracy - surrogate.accuracy(counts), limits.drop + 1e-12
    if limits.class_drop is not None:
        worst = (np.array(surrogate.dense.recalls) - surrogate.recalls(counts)).max(1)
        yield "class_drop", worst, limits.class_drop + 1e-12


def _within_losses(limits: Limits, surrogate: Surrogate, counts: np.ndarray) -> np.ndarray:
    """Mask (n,) of schedules predicted to meet the limits on losses, else of those nearest to them.

    Raises `SpecError`: all schedules miss a limit by more than the prediction error.
    """
    keep = np.ones(len(counts), dtype=bool)
    for kind, lost, most in _losses(limits, surrogate, counts):
        least = float(lost[keep].min())
        if least > most + PREDICTION_ERROR[kind]:
            raise SpecError(
                f"no schedule is predicted to meet these limits ({limits.words}): limit {kind} must be at least "
                f"{np.ceil(1e3 * least) / 1e3:g} here, got {most:g}; raise it or allow a larger network"
            )
        if least <= most:
            keep &= lost <= most
    over = limit_violation(limits, surrogate, counts)
    return np.asarray(over <= (over.min() + NEAR if over.min() > 0 else 0.0))


def select_distant(
    counts: np.ndarray,
    n: int,
    distance: float,
    architecture: Architecture = RESNET20,
    taken: Iterable[np.ndarray] = (),
) -> list[int]:
    """Select the first schedules that are at least `distance` apart from each other.

    The distance of two schedules is the sum over blocks of the differences of filters kept, as shares of the dense
    block's filters.

    Args:
        counts: filter counts of k schedules, best first, int (k, n_blocks).
        n: maximum number of schedules to select.
        distance: minimum distance for a ResNet-20; multiplied by the relative number of blocks in other networks.
        architecture: of the schedules.
        taken: further schedules, (n_blocks,) each, to be distant from.

    Returns:
        Indices of the selected rows of `counts`.
    """
    bounds = np.array(architecture.bounds)
    distance *= architecture.n_blocks / RESNET20.n_blocks
    shares = counts / bounds
    chosen: list[int] = []
    far = np.ones(len(counts), dtype=bool)
    for row in taken:
        far &= np.abs(shares - row / bounds).sum(1) >= distance
    while len(chosen) < n and far.any():
        chosen.append(int(np.argmax(far)))
        far &= np.abs(shares - shares[chosen[-1]]).sum(1) >= distance
    return chosen


def _front_rows(macs: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Indices of at most `FRONT_POINTS` Pareto-optimal schedules, smallest first."""
    order = np.lexsort((-accuracy, macs))
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(accuracy[order])[:-1]])
    optimal = order[accuracy[order] > best_before]
    if len(optimal) <= FRONT_POINTS:
        return optimal
    places = np.searchsorted(macs[optimal], np.linspace(macs[optimal[0]], macs[optimal[-1]], FRONT_POINTS))
    return optimal[np.unique(places)]
