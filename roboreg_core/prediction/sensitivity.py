"""Sensitivity: how accuracy falls as one block loses clusters while all others keep every filter.

Nine curves, one a block. They say what a cluster is worth next to the dense network; in a schedule that cuts everywhere
losses add up otherwise, which is what `prediction` learns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from roboreg_core.errors import SpecError
from roboreg_core.evaluation.wilson_interval import wilson
from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import BOUNDS, PRESETS, Schedule
from roboreg_core.sweeps.grid import Grid, of_schedules
from roboreg_core.sweeps.points import ClassCounts, Point

if TYPE_CHECKING:
    import numpy as np

DENSE = PRESETS["dense"]
# The largest share of a block's filters in the plan: the curves are flat above it.
LARGEST_SHARE = 7 / 8


def plan(values_per_block: int = 8) -> Grid:
    """The schedules that curves need: of each block in turn so many counts, all others dense; and the dense network.

    Counts are spread geometrically from 1 to `LARGEST_SHARE` of the block's filters, because the curves bend at few
    clusters: 1, 2, 3, 6, 10, 18, 31, 56 of 64.

    Raises `SpecError` where a block has no so many counts below its own.
    """
    if not 2 <= values_per_block < min(BOUNDS):
        raise SpecError(f"values a block must be 2..{min(BOUNDS) - 1}, got {values_per_block}")
    cut = [
        DENSE.replace(block, count)
        for block, bound in enumerate(BOUNDS, start=1)
        for count in _spread(bound, values_per_block)
    ]
    return of_schedules([*cut, DENSE])


def _spread(bound: int, values: int) -> list[int]:
    """So many different counts from 1 to the largest share of `bound`, near a geometric series."""
    ratio = (bound * LARGEST_SHARE) ** (1 / (values - 1))
    counts: list[int] = []
    for place in range(values):
        counts.append(max(round(ratio**place), counts[-1] + 1 if counts else 1))
    return [min(count, bound - values + place) for place, count in enumerate(counts)]


@dataclass(frozen=True, kw_only=True)
class SensitivityCurve:
    """Accuracy on validation images against the clusters of one block, the others dense.

    Attributes:
        block: 1..9.
        measured: (count, what was seen) by rising count; the last is the dense network's, at the block's bound.
    """

    block: int
    measured: tuple[tuple[int, ClassCounts], ...]

    @property
    def bound(self) -> int:
        """The block's number of filters."""
        return BOUNDS[self.block - 1]

    @property
    def counts(self) -> tuple[int, ...]:
        """The counts that were measured, rising; the last is the bound."""
        return tuple(count for count, _ in self.measured)

    @property
    def lowest(self) -> int:
        """The fewest clusters that were measured; below it nothing is known."""
        return self.counts[0]

    def covers(self, count: int) -> bool:
        """Whether a count lies between measured ones."""
        return self.lowest <= count <= self.bound

    def accuracy(self, count: int) -> float:
        """Accuracy at a count, 0..1: as measured, between by monotone cubics (PCHIP) over log count; else NaN."""
        return float(self._as_measured[_within(count, self.bound) - 1])

    def interval(self, count: int) -> tuple[float, float]:
        """The 95 % interval of `accuracy` from the number of images alone (Wilson); NaN where nothing was measured."""
        import math

        share = self.accuracy(count)
        if math.isnan(share):
            return share, share
        images = self.measured[-1][1].total
        low, high = wilson(round(share * images), images)
        return min(low, share), max(high, share)

    def loss(self, count: int) -> float:
        """Accuracy lost against the dense network, as a share; 0 at the bound, NaN where nothing was measured."""
        return self.measured[-1][1].accuracy - self.accuracy(count)

    def loss_interval(self, count: int) -> tuple[float, float]:
        """The 95 % interval of `loss` as that of two independent shares (Newcombe 1998, method 10).

        Both networks see the same images, so it is on the careful side.
        """
        if count == self.bound:
            return 0.0, 0.0
        dense = self.measured[-1][1].accuracy
        dense_low, dense_high = self.interval(self.bound)
        share, (low, high) = self.accuracy(count), self.interval(count)
        below = ((dense - dense_low) ** 2 + (high - share) ** 2) ** 0.5
        above = ((dense_high - dense) ** 2 + (share - low) ** 2) ** 0.5
        return dense - share - below, dense - share + above

    @cached_property
    def _as_measured(self) -> np.ndarray:
        return _interpolated(self, [seen.accuracy for _, seen in self.measured])

    @cached_property
    def rising(self) -> np.ndarray:
        """Accuracy at 1..bound (bound,) without what noise bent: it rises with every cluster, to the dense network's.

        The loss is the sum of falling shapes that is nearest to the measured ones (non-negative least squares). NaN
        below the lowest measured count.
        """
        import numpy as np
        from scipy.optimize import nnls

        every, dense = np.full(self.bound, np.nan), self.measured[-1][1].accuracy
        lost = np.array([dense - seen.accuracy for _, seen in self.measured])
        shares, _ = nnls(_shapes(np.array(self.counts), self.bound), lost)
        between = np.arange(self.lowest, self.bound + 1)
        every[between - 1] = dense - _shapes(between, self.bound) @ shares
        return every


def _shapes(counts: np.ndarray, bound: int) -> np.ndarray:
    """Falling shapes at counts (n, 6), 1 at one cluster and 0 at the bound: straight over log count, or bent."""
    import numpy as np

    x = np.log(bound / counts) / np.log(bound)
    return np.stack([x, x**2, x**4, x**8, 1 - (1 - x) ** 2, x**2 * (3 - 2 * x)], axis=1)


def _interpolated(curve: SensitivityCurve, values: Sequence[float]) -> np.ndarray:
    import numpy as np
    from scipy.interpolate import PchipInterpolator

    every = np.full(curve.bound, np.nan)
    known = np.array(curve.counts)
    if len(known) > 1:
        between = np.arange(curve.lowest, curve.bound + 1)
        every[between - 1] = PchipInterpolator(np.log(known), values)(np.log(between))
    # Exactly, whatever the cubics round to.
    every[known - 1] = values
    return every


def _within(count: int, bound: int) -> int:
    if not 1 <= count <= bound:
        raise SpecError(f"a count on this curve must be 1..{bound}, got {count}")
    return count


@dataclass(frozen=True, kw_only=True)
class SensitivityCurves:
    """Nine curves, first block first, and the dense network that all of them end in."""

    each: tuple[SensitivityCurve, ...]

    def __iter__(self) -> Iterator[SensitivityCurve]:
        return iter(self.each)

    def __getitem__(self, block: int) -> SensitivityCurve:
        """The curve of a block, 1..9."""
        return self.each[block - 1]

    @property
    def dense(self) -> ClassCounts:
        """What the dense network saw."""
        return self.each[0].measured[-1][1]

    @property
    def unmeasured(self) -> tuple[int, ...]:
        """The blocks of which nothing was measured beside the dense network."""
        return tuple(curve.block for curve in self.each if len(curve.measured) == 1)


def curves(points: Iterable[Point], dense: ClassCounts | None = None) -> SensitivityCurves:
    """Curves from those of these points that prune at most one block; several seeds of a count are pooled.

    Args:
        points: all under one setting but for the seed; those without validation images are passed over.
        dense: what the dense network saw; without, it is taken from a point that keeps every filter.

    Raises `SpecError` where points are of several settings, saw another number of images, or the dense one is missing.
    """
    seen = [point for point in points if point.validation is not None and _cut_blocks(point.schedule) <= 1]
    check_one_setting(seen)
    if dense is None:
        kept = [point.validation for point in seen if point.schedule.is_dense and point.validation]
        if not kept:
            raise SpecError("curves need the dense network's accuracy, got none: measure the schedule dense as well")
        dense = kept[0]
    found: dict[int, dict[int, list[ClassCounts]]] = {block: {} for block in range(1, len(BOUNDS) + 1)}
    for point in seen:
        for block, (count, bound) in enumerate(zip(point.schedule, BOUNDS, strict=True), start=1):
            if count < bound and point.validation is not None:
                found[block].setdefault(count, []).append(point.validation)
    each = tuple(
        SensitivityCurve(
            block=block,
            measured=(*((count, pooled(several)) for count, several in sorted(at.items())), (BOUNDS[block - 1], dense)),
        )
        for block, at in found.items()
    )
    return SensitivityCurves(each=each)


def pooled(several: Sequence[ClassCounts]) -> ClassCounts:
    """The mean of what several networks saw on the same images, rounded to whole images a class."""
    right = (round(sum(counts) / len(several)) for counts in zip(*(seen.right for seen in several), strict=True))
    return ClassCounts(right=tuple(right), images=several[0].images)


def check_one_setting(points: Sequence[Point]) -> None:
    """Raise `SpecError` where points differ in more than schedule and seed: method, images, dense network."""
    for name in ("method", "recalibrate", "calibration", "training_set", "dense_sha256"):
        values = {str(getattr(point, name)) for point in points}
        if len(values) > 1:
            raise SpecError(f"points must agree in {name}, got {', '.join(sorted(values))}: choose one")
    totals = {point.validation.total for point in points if point.validation}
    if len(totals) > 1:
        raise SpecError(f"points must have seen as many validation images, got {sorted(totals)}: measure them alike")


def _cut_blocks(schedule: Schedule) -> int:
    return sum(count < bound for count, bound in zip(schedule, BOUNDS, strict=True))


@dataclass(frozen=True, kw_only=True)
class RemovalCost:
    """What one cluster fewer in a block saves and, by the block's curve, costs.

    Attributes:
        block: 1..9.
        count: clusters that the schedule has there.
        macs, parameters: saved; 0 at one cluster.
        loss: accuracy lost as a share, with all other blocks dense; never negative. NaN where the curve was not
            measured so far down, or at one cluster.
    """

    block: int
    count: int
    macs: int
    parameters: int
    loss: float

    @property
    def at_one(self) -> bool:
        """Whether the block has one cluster, so that none can go."""
        return self.count == 1

    @property
    def known(self) -> bool:
        """Whether the curve says what it costs."""
        return self.loss == self.loss

    @property
    def loss_per_million_macs(self) -> float:
        """Accuracy lost for a million MACs saved, as a share; NaN where not known."""
        return self.loss / (self.macs / 1e6) if self.macs else self.loss


def exchange(curves: SensitivityCurves, schedule: Schedule) -> list[RemovalCost]:
    """A row a block, the cheapest saving first; then those that nobody measured, and last those at one cluster.

    The loss is that of the curve without noise, so that no block is paid for losing a cluster.
    """
    rows = [_exchanged(curve, schedule) for curve in curves]
    return sorted(rows, key=lambda row: (row.at_one, not row.known, row.loss_per_million_macs if row.known else 0.0))


def _exchanged(curve: SensitivityCurve, schedule: Schedule) -> RemovalCost:
    count = schedule.clusters[curve.block - 1]
    if count == 1:
        return RemovalCost(block=curve.block, count=count, macs=0, parameters=0, loss=float("nan"))
    before, after = cost(schedule), cost(schedule.replace(curve.block, count - 1))
    return RemovalCost(
        block=curve.block,
        count=count,
        macs=before.macs - after.macs,
        parameters=before.parameters - after.parameters,
        loss=float(curve.rising[count - 1] - curve.rising[count - 2]),
    )
