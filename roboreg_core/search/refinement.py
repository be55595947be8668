"""Search by measurement: propose schedules with the surrogate, measure them, update the surrogate.

With a limit on a cost, the next proposals are exchanges of the schedule with the best posterior accuracy; with limits
on losses alone, the smallest schedules according to surrogates drawn from the posterior.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from roboreg_core.errors import SpecError
from roboreg_core.models.linear_costs import LinearCost
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.search.best_schedules import checked_linear_costs, limit_violation, ranking_key, select_distant
from roboreg_core.search.candidate_pool import build_pool, exchanges
from roboreg_core.search.candidates import Candidate, candidates, front
from roboreg_core.search.limits import Limits, tightened, uniform_counts, within
from roboreg_core.search.predictor_surrogate import PredictorSurrogate
from roboreg_core.search.surrogate import AdditiveSurrogate
from roboreg_core.search.surrogate_update import posterior_accuracy, updated_surrogates
from roboreg_core.seeding import numpy_generator
from roboreg_core.sweeps.points import ClassCounts

MAX_TRIALS = 1_000
# Schedules measured between two updates of the surrogate; together they share their first blocks.
BATCH = 6
# Minimum distance of a proposal from all measured schedules, see `best_schedules.select_distant`.
MIN_DISTANCE = 0.15
# A schedule predicted to meet a limit on losses exactly will miss it in half of all cases; within a batch these limits
# are therefore scaled down to this share.
TIGHTEST = 0.5
# Best-ranked schedules considered for a proposal.
CONSIDERED = 4_000
GREEDY, UNIFORM, EXCHANGE, UPDATED = "greedy", "uniform", "exchange", "mended"

Measure = Callable[[Sequence[Schedule]], Sequence[ClassCounts]]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A measured schedule of a search.

    Attributes:
        schedule: filters kept per block.
        class_counts: correct predictions on validation images.
        source: origin of the proposal: `greedy`, `uniform`, `exchange` or `mended` (best of an updated surrogate;
            the name is stored); also `sampler` in records of earlier versions.
    """

    schedule: Schedule
    class_counts: ClassCounts
    source: str

    def to_json(self) -> dict[str, Any]:
        """JSON object: `schedule`, `architecture` unless it is the default, `source`, and `class_counts` as `seen`."""
        return {**self.schedule.stored(), "seen": self.class_counts.to_json(), "source": self.source}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Trial:
        """Inverse of `to_json`."""
        class_counts = ClassCounts.from_json(value["seen"])
        return cls(schedule=Schedule.from_stored(value), class_counts=class_counts, source=value["source"])


@dataclass(frozen=True, kw_only=True)
class SearchBudget:
    """Size of a search.

    Attributes:
        trials: number of measured schedules, including those of an interrupted attempt.
        seed: seed for drawing surrogates from the posterior.
    """

    trials: int
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.trials <= MAX_TRIALS:
            raise SpecError(f"trials must be 1..{MAX_TRIALS}, got {self.trials}")


def refine(
    limits: Limits,
    measure: Measure,
    surrogate: AdditiveSurrogate | PredictorSurrogate,
    budget: SearchBudget,
    *,
    latency: LinearCost | None = None,
    known: Sequence[Trial] = (),
    on_trials: Callable[[Sequence[Trial]], None] = lambda trials: None,
) -> list[Trial]:
    """Measure the most promising schedules within the limits.

    The first batch holds the greedy search's schedules and the largest uniform one, later batches hold exchanges or
    schedules from updated surrogates. A search continued from `known` gives the same trials as an uninterrupted one.

    Args:
        limits: all measured schedules meet those on costs; those on losses are constraints.
        measure: function that prunes schedules and counts their correct predictions on validation images.
        surrogate: predictions before the first measurement.
        budget: number of trials, and seed.
        latency: estimated seconds per batch of 256 images, required with a limit on latency.
        known: trials of an interrupted attempt.
        on_trials: called with all trials so far after each batch.

    Returns:
        All trials, in order of measurement.

    Raises `SpecError`: no schedule can meet the limits on costs.
    """
    proposer = _Proposer(limits, surrogate, budget, latency)
    trials = list(known)
    while len(trials) < budget.trials:
        batch = list(proposer.batch(trials))[: budget.trials - len(trials)]
        if not batch:
            break
        # Sorted schedules share the most blocks.
        batch.sort(key=lambda each: each[0].counts)
        found = measure([schedule for schedule, _ in batch])
        trials += [
            Trial(schedule=schedule, class_counts=class_counts, source=source)
            for (schedule, source), class_counts in zip(batch, found, strict=True)
        ]
        on_trials(trials)
    return trials


def measured_candidates(
    trials: Sequence[Trial], surrogate: AdditiveSurrogate | PredictorSurrogate, latency: LinearCost | None = None
) -> tuple[Candidate, ...]:
    """The trials as candidates with predicted, measured and posterior accuracy; Pareto-optimal ones are marked."""
    if not trials:
        return ()
    predicted = candidates(np.array([trial.schedule.counts for trial in trials]), surrogate, latency)
    posterior = posterior_accuracy(surrogate, _measurements(trials))
    return front(
        [
            replace(each, measured=trial.class_counts, posterior_accuracy=float(accuracy))
            for each, trial, accuracy in zip(predicted, trials, posterior, strict=True)
        ]
    )


class _Proposer:
    """Proposes the schedules to measure next, from the trials alone."""

    def __init__(
        self,
        limits: Limits,
        surrogate: AdditiveSurrogate | PredictorSurrogate,
        budget: SearchBudget,
        latency: LinearCost | None,
    ) -> None:
        self._limits, self._surrogate, self._seed, self._latency = limits, surrogate, budget.seed, latency
        self._architecture = limits.architecture
        self._costs = checked_linear_costs(limits, latency)
        self._limited = [self._costs[kind] for kind in limits.caps] or [self._costs["macs"]]

    def batch(self, trials: Sequence[Trial]) -> Iterator[tuple[Schedule, str]]:
        """Up to `BATCH` distinct unmeasured schedules, each with its source."""
        excluded = {trial.schedule for trial in trials}
        for schedule, source in self._proposals(trials):
            if schedule not in excluded:
                excluded.add(schedule)
                yield schedule, source

    def _proposals(self, trials: Sequence[Trial]) -> Iterator[tuple[Schedule, str]]:
        if not trials:
            pool = self._pool(self._surrogate)
            nothing = np.empty((0, self._architecture.n_blocks))
            counts = self._best(self._surrogate, pool, nothing, BATCH - 1, self._limits)
            yield from ((self._schedule(row), GREEDY) for row in counts)
            yield self._largest_uniform(), UNIFORM
        elif self._limits.caps and (len(trials) // BATCH % 2 or not self._limits.has_drops):
            yield from ((schedule, EXCHANGE) for schedule in self._exchanges(trials))
        else:
            yield from ((schedule, UPDATED) for schedule in self._posterior_samples(trials))

    def _exchanges(self, trials: Sequence[Trial]) -> Iterator[Schedule]:
        """The most promising exchanges of the best trial within the limits on costs."""
        key = ranking_key(self._limits)
        tried = measured_candidates(trials, self._surrogate, self._latency)
        best = min(tried, key=lambda each: (each.excess(self._limits), *key(each)))
        caps = np.array([list(self._limits.caps.values())])
        bounds = np.array(self._architecture.bounds)
        counts = np.unique(exchanges(np.array([best.schedule.counts]), caps, self._limited, bounds)[0], axis=0)
        [updated] = updated_surrogates(self._surrogate, _measurements(trials), 1, self._generator(trials))
        order = np.lexsort((-updated.accuracy(counts), limit_violation(self._limits, updated, counts)))
        excluded = {trial.schedule for trial in trials}
        unmeasured = [each for each in map(self._schedule, counts[order]) if each not in excluded][:BATCH]
        yield from unmeasured or self._posterior_samples(trials)

    def _posterior_samples(self, trials: Sequence[Trial]) -> Iterator[Schedule]:
        """The best schedule of each surrogate drawn from the posterior."""
        taken = np.array([trial.schedule.counts for trial in trials])
        drawn = list(updated_surrogates(self._surrogate, _measurements(trials), BATCH, self._generator(trials)))
        # One pool serves all: the best schedules of the drawn surrogates are near those of the most likely one.
        pool = self._pool(drawn[0])
        for surrogate, share in zip(drawn, np.linspace(1.0, TIGHTEST, len(drawn)), strict=True):
            for row in self._best(surrogate, pool, taken, 1, tightened(self._limits, float(share))):
                taken = np.vstack([taken, row])
                yield self._schedule(row)

    def _generator(self, trials: Sequence[Trial]) -> np.random.Generator:
        return numpy_generator(self._seed, "search", len(trials))

    def _pool(self, surrogate: AdditiveSurrogate | PredictorSurrogate) -> np.ndarray:
        """Candidate pool (n, n_blocks) within the limits on costs."""
        counts = build_pool(surrogate, self._limited).counts
        return counts[within(counts, self._limits.caps, self._costs)]

    def _best(
        self,
        surrogate: AdditiveSurrogate | PredictorSurrogate,
        counts: np.ndarray,
        taken: np.ndarray,
        n: int,
        limits: Limits,
    ) -> np.ndarray:
        """The best `n` (n, n_blocks) of schedules (k, n_blocks) that are not close to those taken (m, n_blocks)."""
        accuracy, macs = surrogate.accuracy(counts), self._costs["macs"](counts)
        over = limit_violation(limits, surrogate, counts)
        by = (macs, -accuracy) if self._limits.caps else (-accuracy, macs)
        ranked = counts[np.lexsort((*counts.T[::-1], *by, over))[:CONSIDERED]]
        return ranked[select_distant(ranked, n, MIN_DISTANCE, self._architecture, taken)]

    def _largest_uniform(self) -> Schedule:
        rows = uniform_counts(self._architecture)
        return self._schedule(rows[within(rows, self._limits.caps, self._costs)][-1])

    def _schedule(self, row: np.ndarray) -> Schedule:
        return Schedule(tuple(int(count) for count in row), self._architecture)


def _measurements(trials: Sequence[Trial]) -> list[tuple[Schedule, ClassCounts]]:
    return [(trial.schedule, trial.class_counts) for trial in trials]
