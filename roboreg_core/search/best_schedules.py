"""Which schedule to take: the most accurate within limits, or the smallest that loses no more than allowed.

`greedy` goes by an outlook alone and takes seconds. All schedules it looks at are made without the limits' amounts, and
the answer is the best of them that the limits let pass: so a wider limit never gives a worse answer, and none is worse
than the uniform schedule at its cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from roboreg_core.errors import SpecError
from roboreg_core.models.costs import cost
from roboreg_core.models.linear_costs import COUNTED, LinearCost, linear_cost
from roboreg_core.schedules.schedule import BOUNDS
from roboreg_core.search.candidate_pool import CandidatePool, gather
from roboreg_core.search.candidates import Candidate, candidates, front
from roboreg_core.search.limits import Limits, uniform_counts, within
from roboreg_core.search.surrogate import Surrogate

__all__ = ["Candidate", "Limits", "SearchResult", "answers", "candidates", "closest", "front", "greedy"]

ANSWERS = 5
FRONT_POINTS = 24
# By how much predictions of a loss are off on schedules that they have not seen, see docs/decisions.md: a limit that is
# missed by no more may be kept in truth.
DOUBT = {"drop": 0.01, "class_drop": 0.02}
# Where all miss the limits, those are told that miss them by so little more than the nearest.
NEAR = 0.002
# Answers differ by at least so much, added up over blocks as shares of their filters: half a block.
APART = 0.5


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search found.

    Attributes:
        answers: the best few that keep the limits, the best first; they differ in more than a cluster or two.
        front: schedules that keep the limits and that no other beats in accuracy and MACs, smallest first.
        doubtful: whether the answers are predicted to miss the limits on losses, by no more than predictions are off:
            only measuring tells.
        uniform: those that keep the same share of every block, smallest first, whatever the limits: for reference.
    """

    answers: tuple[Candidate, ...]
    front: tuple[Candidate, ...]
    uniform: tuple[Candidate, ...]
    doubtful: bool = False


def greedy(
    limits: Limits,
    outlook: Surrogate,
    *,
    latency: LinearCost | None = None,
    n_answers: int = ANSWERS,
    pool: CandidatePool | None = None,
) -> SearchResult:
    """The best schedules by an outlook.

    Args:
        limits: with a limit on a cost, the most accurate are best; with limits on losses alone, the smallest by MACs.
        outlook: predicts accuracy and recalls.
        latency: estimated seconds for a batch of 256 images, needed where they are limited.
        n_answers: how many at most.
        pool: what to choose from, as `gather` makes it; made here where it is left out.

    Raises:
        SpecError: every schedule misses the limits by more than predictions are off, or latency is limited and not
            estimated.
    """
    lines = reachable(limits, latency)
    pool = pool or gather(outlook, [lines[kind] for kind in limits.caps] or [lines["macs"]])
    kept = within(pool.counts, limits.caps, lines)
    counts, accuracy = pool.counts[kept], pool.accuracy[kept]
    kept = _keep_drops(limits, outlook, counts)
    counts, accuracy = counts[kept], accuracy[kept]
    macs = lines["macs"](counts)
    by = (macs, -accuracy) if limits.caps else (-accuracy, macs)
    # Of equals the first in lexicographic order, so that the answer is one whatever order they came in.
    order = np.lexsort((*counts.T[::-1], *by))
    counts, macs, accuracy = counts[order], macs[order], accuracy[order]
    return SearchResult(
        answers=front(candidates(counts[_apart(counts, n_answers)], outlook, latency)),
        front=front(candidates(counts[_front_rows(macs, accuracy)], outlook, latency)),
        uniform=candidates(uniform_counts(), outlook, latency),
        doubtful=bool(broken(limits, outlook, counts[:1])[0] > 0),
    )


def answers(limits: Limits, measured: Sequence[Candidate], n_answers: int = ANSWERS) -> tuple[Candidate, ...]:
    """The best few measured candidates that keep all limits, the best first; none where none does."""
    lines = cost_lines(None)
    caps = {kind: cap for kind, cap in limits.caps.items() if kind in COUNTED}
    counts = np.array([each.schedule.clusters for each in measured], dtype=np.int64).reshape(-1, len(BOUNDS))
    fits = within(counts, caps, lines)
    kept = [
        each
        for each, fit in zip(measured, fits, strict=True)
        if fit and each.excess(limits) == 0 and _fast_enough(each, limits)
    ]
    kept.sort(key=ranking(limits))
    chosen = _apart(np.array([each.schedule.clusters for each in kept]), n_answers) if kept else []
    return front([kept[place] for place in chosen])


def closest(limits: Limits, measured: Sequence[Candidate], n: int = ANSWERS) -> tuple[Candidate, ...]:
    """The `n` measured candidates that miss the limits on losses by least."""
    rank = ranking(limits)
    return tuple(sorted(measured, key=lambda each: (each.excess(limits), *rank(each)))[:n])


def ranking(limits: Limits) -> Callable[[Candidate], tuple[Any, ...]]:
    """What candidates that keep the limits are sorted by, the best first."""

    def key(each: Candidate) -> tuple[Any, ...]:
        macs = cost(each.schedule).macs
        return (*((-each.standing, macs) if limits.caps else (macs, -each.standing)), each.schedule.clusters)

    return key


def cost_lines(latency: LinearCost | None) -> dict[str, LinearCost]:
    """The line of each cost that can be told."""
    lines = {kind: linear_cost(kind) for kind in COUNTED}
    return lines if latency is None else {**lines, "latency": latency}


def _fast_enough(each: Candidate, limits: Limits) -> bool:
    seconds = each.timed if each.timed is not None else each.latency
    return limits.latency is None or (seconds is not None and seconds <= limits.latency)


def reachable(limits: Limits, latency: LinearCost | None) -> dict[str, LinearCost]:
    """The line of each cost; raises `SpecError` where a limit has none, or where one cluster a block breaks it."""
    lines = cost_lines(latency)
    for kind, cap in limits.caps.items():
        if kind not in lines:
            raise SpecError(
                f"limit {kind} needs networks that were timed, got none: do some runs first or leave it out"
            )
        least = float(lines[kind](np.ones((1, len(BOUNDS))))[0])
        if cap < least:
            raise SpecError(
                f"limit {kind} must be at least {least:.3g}, what is estimated for one cluster a block, got {cap:.3g}; "
                "raise it"
            )
    return lines


def broken(limits: Limits, outlook: Surrogate, counts: np.ndarray) -> np.ndarray:
    """By how much schedules, rows of counts (n, 9), are predicted to break the limits on losses, added up (n,)."""
    return sum(
        (np.maximum(lost - most, 0.0) for _, lost, most in _losses(limits, outlook, counts)), np.zeros(len(counts))
    )


def _losses(limits: Limits, outlook: Surrogate, counts: np.ndarray) -> Iterator[tuple[str, np.ndarray, float]]:
    """Of each limit on losses its name, what schedules are predicted to lose (n,), and the most that it allows."""
    if limits.drop is not None:
        yield "drop", outlook.dense.accuracy - outlook.accuracy(counts), limits.drop + 1e-12
    if limits.class_drop is not None:
        worst = (np.array(outlook.dense.recalls) - outlook.recalls(counts)).max(1)
        yield "class_drop", worst, limits.class_drop + 1e-12


def _keep_drops(limits: Limits, outlook: Surrogate, counts: np.ndarray) -> np.ndarray:
    """Bool (n,): which schedules are predicted to keep the limits on losses, else those that miss them by least.

    Raises where all miss one by more than predictions are off.
    """
    keep = np.ones(len(counts), dtype=bool)
    for kind, lost, most in _losses(limits, outlook, counts):
        least = float(lost[keep].min())
        if least > most + DOUBT[kind]:
            raise SpecError(
                f"no schedule is predicted to keep these limits ({limits.words}): limit {kind} must be at least "
                f"{np.ceil(1e3 * least) / 1e3:g} here, got {most:g}; raise it or allow a larger network"
            )
        if least <= most:
            keep &= lost <= most
    over = broken(limits, outlook, counts)
    return np.asarray(over <= (over.min() + NEAR if over.min() > 0 else 0.0))


def _apart(counts: np.ndarray, n: int) -> list[int]:
    """Places of the first `n` rows of counts that differ enough from those chosen before."""
    shares = counts / np.array(BOUNDS)
    chosen: list[int] = []
    far = np.ones(len(counts), dtype=bool)
    while len(chosen) < n and far.any():
        place = int(np.argmax(far))
        chosen.append(place)
        far &= np.abs(shares - shares[place]).sum(1) >= APART
    return chosen


def _front_rows(macs: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Places of at most `FRONT_POINTS` schedules that no other beats, smallest first."""
    order = np.lexsort((-accuracy, macs))
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(accuracy[order])[:-1]])
    rising = order[accuracy[order] > best_before]
    if len(rising) <= FRONT_POINTS:
        return rising
    places = np.searchsorted(macs[rising], np.linspace(macs[rising[0]], macs[rising[-1]], FRONT_POINTS))
    return rising[np.unique(places)]
