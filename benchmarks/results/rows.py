"""Means and standard deviations over the points of one contestant at one schedule."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.results.contestants import CONTESTANTS, Contestant
from benchmarks.results.points import Point, Points, Seconds, Tune
from roboreg_core.models.costs import cost
from roboreg_core.runs.spec import METHOD_VERSION
from roboreg_core.schedules.schedule import presets


@dataclass(frozen=True, kw_only=True)
class Mean:
    """Mean over seeds, 0..1; `spread` is the sample standard deviation, None for one seed."""

    mean: float
    spread: float | None
    count: int


@dataclass(frozen=True, kw_only=True)
class Duration:
    """Seconds of pruning, measured on an idle machine (`alone`), else the median over the points."""

    seconds: float
    alone: bool
    threads: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table.

    Attributes:
        parameters, macs: costs of the first seed's network, or of the schedule if nothing was measured.
        pruned: accuracy after pruning, by training set of the calibration images.
        tuned: accuracy after fine-tuning, by fine-tuning settings.
        version: METHOD_VERSION of the points, None without points.
    """

    contestant: Contestant
    schedule: str
    parameters: int
    macs: int
    dense: float | None
    pruned: dict[str, Mean]
    tuned: dict[Tune, Mean]
    duration: Duration | None
    version: int | None

    @property
    def rival(self) -> bool:
        """True for Torch-Pruning."""
        return bool(self.contestant.rival)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Accuracy columns, those with most points first."""

    pruned: tuple[str, ...]
    tuned: tuple[Tune, ...]


def columns(stored: Points) -> Columns:
    """Return the columns of all measured points; at least one."""
    sets = Counter(point.training_set for point in stored.points)
    tunes = Counter(point.tune for point in stored.points if point.tune is not None)
    return Columns(
        pruned=tuple(name for name, _ in sets.most_common()) or ("bundled",),
        tuned=tuple(tune for tune, _ in tunes.most_common()),
    )


def rows(stored: Points, schedule: str, of: Columns) -> list[Row]:
    """Return a row per contestant, sorted by accuracy after fine-tuning, then after pruning."""

    def rank(row: Row) -> tuple[float, ...]:
        tuned = row.tuned.get(of.tuned[0]) if of.tuned else None
        pruned = row.pruned.get(of.pruned[0])
        return (tuned.mean if tuned else -1.0, pruned.mean if pruned else -1.0)

    return sorted((_row(stored, each, schedule) for each in CONTESTANTS.values()), key=rank, reverse=True)


def _row(stored: Points, contestant: Contestant, schedule: str) -> Row:
    found = [p for p in stored.points if (p.contestant, p.schedule) == (contestant.name, schedule)]
    # Points of an older version are used only if the newest has none.
    version = max((point.version for point in found), default=None)
    found = [point for point in found if point.version == version]
    counted = cost(presets()[schedule])
    sets, tunes = {p.training_set for p in found}, {p.tune for p in found if p.tune is not None}
    return Row(
        contestant=contestant,
        schedule=schedule,
        parameters=found[0].parameters if found else counted.parameters,
        macs=found[0].macs if found else counted.macs,
        dense=next((point.dense for point in stored.points), None),
        pruned={name: _pruned([p for p in found if p.training_set == name], contestant) for name in sets},
        tuned={tune: _mean([p.tuned for p in found if p.tune == tune and p.tuned is not None]) for tune in tunes},
        duration=_duration(stored.seconds, found, contestant.name, schedule),
        version=version,
    )


def _pruned(points: Sequence[Point], contestant: Contestant) -> Mean:
    """Mean over seeds, or a single value for a deterministic contestant."""
    by_seed = {point.seed: point.pruned for point in points}
    return _mean(list(by_seed.values()) if contestant.seeded else [next(iter(by_seed.values()))])


def _mean(values: Sequence[float]) -> Mean:
    spread = statistics.stdev(values) if len(values) > 1 else None
    return Mean(mean=statistics.mean(values), spread=spread, count=len(values))


def _duration(seconds: Iterable[Seconds], found: Sequence[Point], name: str, schedule: str) -> Duration | None:
    alone = [
        each for each in seconds if (each.contestant, each.schedule, each.version) == (name, schedule, METHOD_VERSION)
    ]
    if alone:
        return Duration(seconds=alone[-1].seconds, alone=True, threads=alone[-1].environment["threads"])
    if not found:
        return None
    threads = max(point.environment["threads"] for point in found)
    taken = [point.seconds for point in found if point.environment["threads"] == threads]
    return Duration(seconds=statistics.median(taken), alone=False, threads=threads)
