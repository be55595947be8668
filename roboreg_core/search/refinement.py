"""A search that measures: what the outlook proposes is measured, and what was measured mends the outlook.

Each block's losses count more or less than its curve says; by how much is learnt from what was measured (`mend`).
Within a limit on a cost, exchanges of the schedule that is believed best come next; for limits on losses, the smallest
schedules by factors drawn from what is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from roboreg_core.errors import SpecError
from roboreg_core.models.linear_costs import LinearCost
from roboreg_core.schedules.schedule import BOUNDS, N_BLOCKS, Schedule
from roboreg_core.search.best_schedules import broken, ranking, reachable
from roboreg_core.search.candidate_pool import exchanges, gather
from roboreg_core.search.candidates import Candidate, candidates, front
from roboreg_core.search.limits import Limits, tightened, uniform_counts, within
from roboreg_core.search.predictor_surrogate import PredictorSurrogate
from roboreg_core.search.surrogate import AdditiveSurrogate
from roboreg_core.search.surrogate_update import believed, mended
from roboreg_core.seeding import numpy_generator
from roboreg_core.sweeps.points import ClassCounts

MAX_TRIALS = 1_000
# Measured together, so that they share their first blocks, and few, so that the outlook is mended often.
BATCH = 6
# A proposal differs from all that was measured by so much, added up over blocks as shares of their filters.
FRESH = 0.15
# What is predicted to keep a limit on losses just so breaks it half of the time: within a batch, limits are tightened
# down to this share of themselves.
TIGHTEST = 0.5
# So many of the best are looked through for one that is not close to a measured one.
CONSIDERED = 4_000
GREEDY, UNIFORM, EXCHANGE, MENDED = "greedy", "uniform", "exchange", "mended"
_BOUNDS = np.array(BOUNDS)

Measure = Callable[[Sequence[Schedule]], Sequence[ClassCounts]]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A schedule that was measured in a search.

    `source` is what proposed it, see `refine`; in searches of earlier versions also `sampler`.
    """

    schedule: Schedule
    seen: ClassCounts
    source: str

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal trial."""
        return {"schedule": self.schedule.to_json(), "seen": self.seen.to_json(), "source": self.source}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Trial:
        """Read what `to_json` wrote."""
        seen = ClassCounts.from_json(value["seen"])
        return cls(schedule=Schedule.from_json(value["schedule"]), seen=seen, source=value["source"])


@dataclass(frozen=True, kw_only=True)
class SearchBudget:
    """How much is measured.

    Attributes:
        trials: schedules in all, those of an earlier attempt included.
        seed: of the factors that are drawn.
    """

    trials: int
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.trials <= MAX_TRIALS:
            raise SpecError(f"trials must be 1..{MAX_TRIALS}, got {self.trials}")


def refine(
    limits: Limits,
    measure: Measure,
    outlook: AdditiveSurrogate | PredictorSurrogate,
    effort: SearchBudget,
    *,
    latency: LinearCost | None = None,
    known: Sequence[Trial] = (),
    on_trials: Callable[[Sequence[Trial]], None] = lambda trials: None,
) -> list[Trial]:
    """Measure schedules that promise most within the limits; all that were measured, in order.

    The first batch are the greedy search's and the largest uniform schedule; then `exchange` and `mended`.

    An interrupted search that is handed what it had measured goes on as if it had not been.

    Args:
        limits: every schedule that is measured keeps those on costs; those on losses are constraints.
        measure: what a few schedules see of the validation images.
        outlook: what is believed before.
        effort: how much.
        latency: estimated seconds for a batch of 256 images, needed where they are limited.
        known: what an earlier attempt measured.
        on_trials: told all trials so far after each batch.

    Raises `SpecError` where no schedule can keep the limits on costs.
    """
    proposer = _Proposer(limits, outlook, effort, latency)
    trials = list(known)
    while len(trials) < effort.trials:
        batch = list(proposer.batch(trials))[: effort.trials - len(trials)]
        if not batch:
            break
        # In the order of their counts, in which they share most.
        batch.sort(key=lambda each: each[0].clusters)
        found = measure([schedule for schedule, _ in batch])
        trials += [
            Trial(schedule=schedule, seen=seen, source=source)
            for (schedule, source), seen in zip(batch, found, strict=True)
        ]
        on_trials(trials)
    return trials


def measured_candidates(
    trials: Sequence[Trial], outlook: AdditiveSurrogate | PredictorSurrogate, latency: LinearCost | None = None
) -> tuple[Candidate, ...]:
    """The trials as candidates with what was predicted, seen and is believed; the front of them is marked."""
    if not trials:
        return ()
    bare = candidates(np.array([trial.schedule.clusters for trial in trials]), outlook, latency)
    believes = believed(outlook, [(trial.schedule, trial.seen) for trial in trials])
    return front(
        [
            replace(each, measured=trial.seen, believed=float(share))
            for each, trial, share in zip(bare, trials, believes, strict=True)
        ]
    )


class _Proposer:
    """Says what to measure next; all it knows of the past are the trials that it is handed."""

    def __init__(
        self,
        limits: Limits,
        outlook: AdditiveSurrogate | PredictorSurrogate,
        effort: SearchBudget,
        latency: LinearCost | None,
    ) -> None:
        self._limits, self._outlook, self._effort, self._latency = limits, outlook, effort, latency
        self._lines = reachable(limits, latency)
        self._priced = [self._lines[kind] for kind in limits.caps] or [self._lines["macs"]]

    def batch(self, trials: Sequence[Trial]) -> Iterator[tuple[Schedule, str]]:
        """Up to `BATCH` schedules that were not measured, each once, with who proposes it."""
        there = {trial.schedule for trial in trials}
        for schedule, source in self._proposed(trials):
            if schedule not in there:
                there.add(schedule)
                yield schedule, source

    def _proposed(self, trials: Sequence[Trial]) -> Iterator[tuple[Schedule, str]]:
        turn = len(trials) // BATCH
        if not trials:
            counts = self._best(self._outlook, self._possible(self._outlook), np.empty((0, N_BLOCKS)), BATCH - 1)
            yield from ((_schedule(row), GREEDY) for row in counts)
            yield self._largest_uniform(), UNIFORM
        elif self._limits.caps and (turn % 2 or not self._limits.has_drops):
            yield from ((schedule, EXCHANGE) for schedule in self._exchanged(trials))
        else:
            yield from ((schedule, MENDED) for schedule in self._mended(trials))

    def _exchanged(self, trials: Sequence[Trial]) -> Iterator[Schedule]:
        """Exchanges of the best so far within the limits on costs, those first that promise most."""
        known = measured_candidates(trials, self._outlook, self._latency)
        rank = ranking(self._limits)
        best = min(known, key=lambda each: (each.excess(self._limits), *rank(each)))
        caps = np.array([list(self._limits.caps.values())])
        counts = np.unique(exchanges(np.array([best.schedule.clusters]), caps, self._priced)[0], axis=0)
        measured = [(each.schedule, each.seen) for each in trials]
        [likely] = mended(self._outlook, measured, 1, numpy_generator(self._effort.seed, "search", len(trials)))
        order = np.lexsort((-likely.accuracy(counts), broken(self._limits, likely, counts)))
        there = {trial.schedule for trial in trials}
        fresh = [each for each in map(_schedule, counts[order]) if each not in there][:BATCH]
        # Where every exchange of the best was measured, look elsewhere.
        yield from fresh or self._mended(trials)

    def _mended(self, trials: Sequence[Trial]) -> Iterator[Schedule]:
        generator = numpy_generator(self._effort.seed, "search", len(trials))
        taken = np.array([trial.schedule.clusters for trial in trials])
        drawn = list(mended(self._outlook, [(each.schedule, each.seen) for each in trials], BATCH, generator))
        # What is good by the likeliest factors, or close to it by exchanges, holds what is good by the drawn ones.
        possible = self._possible(drawn[0])
        for outlook, share in zip(drawn, np.linspace(1.0, TIGHTEST, len(drawn)), strict=True):
            for row in self._best(outlook, possible, taken, 1, tightened(self._limits, float(share))):
                taken = np.vstack([taken, row])
                yield _schedule(row)

    def _possible(self, outlook: AdditiveSurrogate | PredictorSurrogate) -> np.ndarray:
        """Many schedules (n, 9) that keep the limits on costs."""
        counts = gather(outlook, self._priced).counts
        return counts[within(counts, self._limits.caps, self._lines)]

    def _best(
        self,
        outlook: AdditiveSurrogate | PredictorSurrogate,
        counts: np.ndarray,
        taken: np.ndarray,
        n: int,
        limits: Limits | None = None,
    ) -> np.ndarray:
        """The best `n` (n, 9) by an outlook of schedules (k, 9), none close to those taken (m, 9)."""
        accuracy, macs = outlook.accuracy(counts), self._lines["macs"](counts)
        over = broken(limits or self._limits, outlook, counts)
        by = (macs, -accuracy) if self._limits.caps else (-accuracy, macs)
        order = counts[np.lexsort((*counts.T[::-1], *by, over))[:CONSIDERED]]
        chosen: list[np.ndarray] = []
        far = np.ones(len(order), dtype=bool)
        for row in taken:
            far &= _apart(order, row)
        while len(chosen) < n and far.any():
            chosen.append(order[int(np.argmax(far))])
            far &= _apart(order, chosen[-1])
        return np.array(chosen, dtype=np.int64).reshape(-1, N_BLOCKS)

    def _largest_uniform(self) -> Schedule:
        rows = uniform_counts()
        return _schedule(rows[within(rows, self._limits.caps, self._lines)][-1])


def _apart(counts: np.ndarray, row: np.ndarray) -> np.ndarray:
    return np.asarray((np.abs(counts - row) / _BOUNDS).sum(1) >= FRESH)


def _schedule(row: np.ndarray) -> Schedule:
    return Schedule(tuple(int(count) for count in row))
