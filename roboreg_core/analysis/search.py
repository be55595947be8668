"""Which schedule to take: the most accurate within limits, or the smallest that loses no more than allowed.

`greedy` goes by an outlook alone and takes seconds. All schedules it looks at are made without the limits' amounts, and
the answer is the best of them that the limits let pass: so a wider limit never gives a worse answer, and none is worse
than the uniform schedule at its cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from roboreg_core.analysis.limits import COUNTED, Limits, Line, counted_line, uniform_counts, within
from roboreg_core.analysis.outlook import Outlook
from roboreg_core.analysis.points import Seen
from roboreg_core.analysis.pool import Pool, gather
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.interval import Z
from roboreg_core.evaluation.pareto import pareto_front
from roboreg_core.model.cost import cost
from roboreg_core.schedule import BOUNDS, Schedule

__all__ = ["Candidate", "Found", "Limits", "answers", "candidates", "front", "greedy"]

ANSWERS = 5
FRONT_POINTS = 24
# Answers differ by at least so much, added up over blocks as shares of their filters: half a block.
APART = 0.5


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A schedule with what is known of it; right after pruning, on validation images.

    Attributes:
        predicted: accuracy, 0..1; None where nothing predicts.
        predicted_recalls: of each class, 0..1.
        measured: what was seen; None where it was not measured.
        believed: accuracy by all that was measured in a search, see `mend.believed`; None where it was not measured.
        dense: what the dense network saw.
        latency: seconds for a batch of 256 images, estimated; None where nothing was timed.
        timed: the same as measured; None where it was not.
        front: whether no other candidate is as accurate for as few MACs.
    """

    schedule: Schedule
    dense: Seen
    predicted: float | None = None
    predicted_recalls: tuple[float, ...] = ()
    measured: Seen | None = None
    believed: float | None = None
    latency: float | None = None
    timed: float | None = None
    front: bool = False

    @property
    def accuracy(self) -> float:
        """As measured, else as predicted."""
        if self.measured is not None:
            return self.measured.accuracy
        return self.predicted if self.predicted is not None else 0.0

    @property
    def standing(self) -> float:
        """The accuracy that it is ranked by: as believed, else as measured, else as predicted."""
        return self.believed if self.believed is not None else self.accuracy

    @property
    def recalls(self) -> tuple[float, ...]:
        """As measured, else as predicted."""
        return self.measured.recalls if self.measured is not None else self.predicted_recalls

    @property
    def drop(self) -> float:
        """Accuracy lost against the dense network."""
        return self.dense.accuracy - self.accuracy

    @property
    def class_drops(self) -> tuple[float, ...]:
        """Recall lost in each class; empty where recalls are not known."""
        return tuple(before - after for before, after in zip(self.dense.recalls, self.recalls, strict=False))

    @property
    def worst_class(self) -> int:
        """The class that loses most, its place in `data.images.CLASSES`."""
        return int(np.argmax(self.class_drops))

    @property
    def class_margin(self) -> float:
        """Half the 95 % interval of the worst class's loss, as of two independent samples: on the careful side."""
        return _margin(self.dense.recalls[self.worst_class], self.recalls[self.worst_class], min(self.dense.images))

    @property
    def margin(self) -> float:
        """Half the 95 % interval of `drop`, as of two independent samples: on the careful side."""
        return _margin(self.dense.accuracy, self.accuracy, self.dense.total)

    def excess(self, limits: Limits) -> float:
        """By how much it breaks the limits on losses, added up; 0 where it keeps them."""
        over = 0.0
        if limits.drop is not None:
            # Neither by luck on these images nor by what the others let believe.
            lost = max(self.drop, self.dense.accuracy - self.standing)
            over += max(0.0, lost - limits.drop)
        if limits.class_drop is not None:
            over += max(0.0, max(self.class_drops, default=1.0) - limits.class_drop)
        # A whole image fewer is no less than a ten-thousandth: rounding breaks no limit.
        return over if over > 1e-9 else 0.0

    def to_json(self) -> dict[str, Any]:
        """All of it, with costs, as a JSON object; `from_json` reads it."""
        counted = cost(self.schedule)
        return {
            "schedule": self.schedule.to_json(),
            "label": self.schedule.label,
            **{kind: getattr(counted, kind) for kind in COUNTED},
            "predicted": self.predicted,
            "predicted_recalls": list(self.predicted_recalls),
            "measured": self.measured.to_json() if self.measured is not None else None,
            "believed": self.believed,
            "accuracy": self.accuracy,
            "drop": self.drop,
            "margin": self.margin,
            "class_drops": list(self.class_drops),
            "class_margin": self.class_margin if self.class_drops else None,
            "dense": self.dense.to_json(),
            "latency": self.latency,
            "timed": self.timed,
            "front": self.front,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Candidate:
        """Read what `to_json` wrote."""
        measured = value["measured"]
        return cls(
            schedule=Schedule.from_json(value["schedule"]),
            dense=Seen.from_json(value["dense"]),
            predicted=value["predicted"],
            predicted_recalls=tuple(value["predicted_recalls"]),
            measured=Seen.from_json(measured) if measured is not None else None,
            believed=value["believed"],
            latency=value["latency"],
            timed=value["timed"],
            front=value["front"],
        )


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search found.

    Attributes:
        answers: the best few that keep the limits, the best first; they differ in more than a cluster or two.
        front: schedules that keep the limits and that no other beats in accuracy and MACs, smallest first.
        uniform: those that keep the same share of every block, smallest first, whatever the limits: for reference.
    """

    answers: tuple[Candidate, ...]
    front: tuple[Candidate, ...]
    uniform: tuple[Candidate, ...]


def greedy(
    limits: Limits,
    outlook: Outlook,
    *,
    latency: Line | None = None,
    n_answers: int = ANSWERS,
    pool: Pool | None = None,
) -> Found:
    """The best schedules by an outlook.

    Args:
        limits: with a limit on a cost, the most accurate are best; with limits on losses alone, the smallest by MACs.
        outlook: predicts accuracy and recalls.
        latency: estimated seconds for a batch of 256 images, needed where they are limited.
        n_answers: how many at most.
        pool: what to choose from, as `gather` makes it; made here where it is left out.

    Raises:
        SpecError: no schedule keeps the limits by the outlook, or latency is limited and not estimated.
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
    return Found(
        answers=front(candidates(counts[_apart(counts, n_answers)], outlook, latency)),
        front=front(candidates(counts[_front_rows(macs, accuracy)], outlook, latency)),
        uniform=candidates(uniform_counts(), outlook, latency),
    )


def candidates(counts: np.ndarray, outlook: Outlook, latency: Line | None = None) -> tuple[Candidate, ...]:
    """Candidates of schedules, rows of counts (n, 9), in their order, as predicted."""
    accuracy, recalls = outlook.accuracy(counts), outlook.recalls(counts)
    return tuple(
        Candidate(
            schedule=Schedule(tuple(int(count) for count in row)),
            dense=outlook.dense,
            predicted=float(accuracy[i]),
            predicted_recalls=tuple(float(each) for each in recalls[i]),
            latency=float(latency(row[None])[0]) if latency is not None else None,
        )
        for i, row in enumerate(counts)
    )


def front(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The same candidates, those marked that no other beats in accuracy and MACs."""
    macs = [cost(each.schedule).macs for each in found]
    marks = pareto_front(macs, [each.standing for each in found]) if found else np.empty(0, dtype=bool)
    return tuple(replace(each, front=bool(mark)) for each, mark in zip(found, marks, strict=True))


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


def ranking(limits: Limits) -> Callable[[Candidate], tuple[Any, ...]]:
    """What candidates that keep the limits are sorted by, the best first."""

    def key(each: Candidate) -> tuple[Any, ...]:
        macs = cost(each.schedule).macs
        return (*((-each.standing, macs) if limits.caps else (macs, -each.standing)), each.schedule.clusters)

    return key


def cost_lines(latency: Line | None) -> dict[str, Line]:
    """The line of each cost that can be told."""
    lines = {kind: counted_line(kind) for kind in COUNTED}
    return lines if latency is None else {**lines, "latency": latency}


def _fast_enough(each: Candidate, limits: Limits) -> bool:
    seconds = each.timed if each.timed is not None else each.latency
    return limits.latency is None or (seconds is not None and seconds <= limits.latency)


def reachable(limits: Limits, latency: Line | None) -> dict[str, Line]:
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


def broken(limits: Limits, outlook: Outlook, counts: np.ndarray) -> np.ndarray:
    """By how much schedules, rows of counts (n, 9), are predicted to break the limits on losses, added up (n,)."""
    return sum(
        (np.maximum(lost - most, 0.0) for _, lost, most in _losses(limits, outlook, counts)), np.zeros(len(counts))
    )


def _losses(limits: Limits, outlook: Outlook, counts: np.ndarray) -> Iterator[tuple[str, np.ndarray, float]]:
    """Of each limit on losses its name, what schedules are predicted to lose (n,), and the most that it allows."""
    if limits.drop is not None:
        yield "drop", outlook.dense.accuracy - outlook.accuracy(counts), limits.drop + 1e-12
    if limits.class_drop is not None:
        worst = (np.array(outlook.dense.recalls) - outlook.recalls(counts)).max(1)
        yield "class_drop", worst, limits.class_drop + 1e-12


def _keep_drops(limits: Limits, outlook: Outlook, counts: np.ndarray) -> np.ndarray:
    """Bool (n,): which schedules are predicted to keep the limits on losses; raises where none does."""
    keep = np.ones(len(counts), dtype=bool)
    for kind, lost, most in _losses(limits, outlook, counts):
        least = float(lost[keep].min())
        if least > most:
            raise SpecError(
                f"no schedule is predicted to keep these limits ({limits.words}): limit {kind} must be at least "
                f"{np.ceil(1e3 * least) / 1e3:g} here, got {most:g}; raise it or allow a larger network"
            )
        keep &= lost <= most
    return keep


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


def _margin(before: float, after: float, images: int) -> float:
    return float(Z * np.sqrt((before * (1 - before) + after * (1 - after)) / images))
