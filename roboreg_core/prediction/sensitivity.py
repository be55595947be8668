"""Sensitivity: accuracy against the filters kept in one block while all others are dense."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.wilson_interval import wilson
from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import Schedule, dense_schedule
from roboreg_core.sweeps.grid import Grid, of_schedules
from roboreg_core.sweeps.points import ClassCounts, Point

if TYPE_CHECKING:
    import numpy as np

# Fields of a point that must be equal in all points of a fit.
SETTING = ("dense_sha256", "training_set", "method", "recalibrate", "calibration")
# Largest measured share of a block's filters; the curves are flat above it.
LARGEST_SHARE = 7 / 8
# Counts measured per block, in narrow networks fewer.
VALUES_PER_BLOCK = 8


def plan(values_per_block: int | None = None, architecture: Architecture = RESNET20) -> Grid:
    """Schedules to measure for sensitivity curves: each block at `values_per_block` counts, and the dense network.

    By default at `VALUES_PER_BLOCK`, fewer in narrow networks. Counts form a geometric series from 1 to
    `LARGEST_SHARE` of the block's filters, because the curves bend at few filters: 1, 2, 3, 6, 10, 18, 32, 56 of 64.

    Raises `SpecError`: a block does not have enough distinct counts.
    """
    bounds, dense = architecture.bounds, dense_schedule(architecture)
    values = min(VALUES_PER_BLOCK, min(bounds) - 1) if values_per_block is None else values_per_block
    if not 2 <= values < min(bounds):
        raise SpecError(f"values per block must be 2..{min(bounds) - 1}, got {values}")
    cut = [
        dense.replace(block, count) for block, bound in enumerate(bounds, start=1) for count in _spread(bound, values)
    ]
    return of_schedules([*cut, dense])


def _spread(bound: int, values: int) -> list[int]:
    """Distinct counts near a geometric series from 1 to `LARGEST_SHARE` of `bound`."""
    ratio = (bound * LARGEST_SHARE) ** (1 / (values - 1))
    counts: list[int] = []
    for place in range(values):
        counts.append(max(round(ratio**place), counts[-1] + 1 if counts else 1))
    return [min(count, bound - values + place) for place, count in enumerate(counts)]


@dataclass(frozen=True, kw_only=True)
class SensitivityCurve:
    """Validation accuracy against the filters kept in one block.

    Attributes:
        block: its number, from 1.
        measured: (filters kept, correct predictions) in ascending order; the last is the dense network.
    """

    block: int
    measured: tuple[tuple[int, ClassCounts], ...]

    @property
    def bound(self) -> int:
        """Number of filters of the block in the dense network."""
        return self.counts[-1]

    @property
    def counts(self) -> tuple[int, ...]:
        """Measured numbers of filters kept, ascending; the last is the dense block's."""
        return tuple(count for count, _ in self.measured)

    @property
    def lowest(self) -> int:
        """Lowest measured number of filters kept."""
        return self.counts[0]

    def covers(self, count: int) -> bool:
        """True if accuracy was measured at `count` filters or on both sides of it."""
        return self.lowest <= count <= self.bound

    def accuracy(self, count: int) -> float:
        """Accuracy, 0..1, with `count` filters kept; NaN below the lowest measured count.

        Values between measured counts are interpolated (PCHIP over the logarithm of the count).

        Raises `SpecError`: the count is not 1..bound.
        """
        if not 1 <= count <= self.bound:
            raise SpecError(f"a count on this curve must be 1..{self.bound}, got {count}")
        return float(self._interpolated[count - 1])

    def interval(self, count: int) -> tuple[float, float]:
        """The 95 % Wilson interval (low, high) of `accuracy(count)`, 0..1; NaN below the lowest measured count."""
        import math

        share = self.accuracy(count)
        if math.isnan(share):
            return share, share
        images = self.measured[-1][1].total
        low, high = wilson(round(share * images), images)
        return min(low, share), max(high, share)

    def loss(self, count: int) -> float:
        """Loss of accuracy, -1..1, with `count` filters instead of all; NaN below the lowest measured count."""
        return self.measured[-1][1].accuracy - self.accuracy(count)

    def loss_interval(self, count: int) -> tuple[float, float]:
        """The 95 % interval (low, high) of `loss(count)`, for two independent shares (Newcombe 1998, method 10).

        Conservative, because both networks are measured on the same images.
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
    def _interpolated(self) -> np.ndarray:
        import numpy as np
        from scipy.interpolate import PchipInterpolator

        accuracy = np.full(self.bound, np.nan)
        known, values = np.array(self.counts), [each.accuracy for _, each in self.measured]
        if len(known) > 1:
            between = np.arange(self.lowest, self.bound + 1)
            accuracy[between - 1] = PchipInterpolator(np.log(known), values)(np.log(between))
        accuracy[known - 1] = values  # exact where measured
        return accuracy

    @cached_property
    def smoothed(self) -> np.ndarray:
        """Smoothed accuracy at 1..bound filters (bound,), non-decreasing; NaN below the lowest measured count.

        The loss is the combination of falling basis functions nearest to the measurements (non-negative least squares).
        """
        import numpy as np
        from scipy.optimize import nnls

        accuracy, dense = np.full(self.bound, np.nan), self.measured[-1][1].accuracy
        lost = np.array([dense - each.accuracy for _, each in self.measured])
        weights, _ = nnls(_basis(np.array(self.counts), self.bound), lost)
        between = np.arange(self.lowest, self.bound + 1)
        accuracy[between - 1] = dense - _basis(between, self.bound) @ weights
        return accuracy


def _basis(counts: np.ndarray, bound: int) -> np.ndarray:
    """Falling functions (n, 6) of the count, 1 at one filter and 0 at the bound: linear over log count, or curved."""
    import numpy as np

    x = np.log(bound / counts) / np.log(bound)
    return np.stack([x, x**2, x**4, x**8, 1 - (1 - x) ** 2, x**2 * (3 - 2 * x)], axis=1)


@dataclass(frozen=True, kw_only=True)
class SensitivityCurves:
    """Sensitivity curves of all blocks of a network with this architecture, first block first."""

    each: tuple[SensitivityCurve, ...]
    architecture: Architecture = RESNET20

    def __iter__(self) -> Iterator[SensitivityCurve]:
        return iter(self.each)

    def __getitem__(self, block: int) -> SensitivityCurve:
        """The curve of a block, numbered from 1."""
        return self.each[block - 1]

    @property
    def dense(self) -> ClassCounts:
        """Correct predictions of the dense network on validation images, per class."""
        return self.each[0].measured[-1][1]

    @property
    def unmeasured(self) -> tuple[int, ...]:
        """Blocks, numbered from 1, for which no pruned network was measured."""
        return tuple(curve.block for curve in self.each if len(curve.measured) == 1)


def curves(points: Iterable[Point], dense: ClassCounts | None = None) -> SensitivityCurves:
    """Build curves from the points that prune at most one block; seeds are pooled.

    Args:
        points: points of one setting; those without validation accuracy are ignored.
        dense: correct predictions of the dense network; if None, taken from a point of the dense schedule.

    Raises `SpecError`: the points are of several settings or image counts, or the dense network is missing.
    """
    single = [point for point in points if point.validation is not None and point.schedule.n_pruned <= 1]
    check_one_setting(single)
    if dense is None:
        kept = [point.validation for point in single if point.schedule.is_dense and point.validation]
        if not kept:
            raise SpecError("curves need the dense network's accuracy, got none: measure the schedule dense as well")
        dense = kept[0]
    architecture = single[0].schedule.architecture if single else RESNET20
    bounds = architecture.bounds
    found: dict[int, dict[int, list[ClassCounts]]] = {block: {} for block in architecture.blocks}
    for point in single:
        for block, (count, bound) in enumerate(zip(point.schedule, bounds, strict=True), start=1):
            if count < bound and point.validation is not None:
                found[block].setdefault(count, []).append(point.validation)
    each = tuple(
        SensitivityCurve(
            block=block,
            measured=(*((count, pooled(counts)) for count, counts in sorted(at.items())), (bounds[block - 1], dense)),
        )
        for block, at in found.items()
    )
    return SensitivityCurves(each=each, architecture=architecture)


def pooled(counts: Sequence[ClassCounts]) -> ClassCounts:
    """Mean of several networks' correct predictions on the same images, rounded to whole images per class."""
    right = (round(sum(of_class) / len(counts)) for of_class in zip(*(each.right for each in counts), strict=True))
    return ClassCounts(right=tuple(right), images=counts[0].images)


def check_one_setting(points: Sequence[Point]) -> None:
    """Check that points share method, images and dense network. Raises `SpecError`: they differ."""
    for name in SETTING:
        values = {str(getattr(point, name)) for point in points}
        if len(values) > 1:
            raise SpecError(f"points must agree in {name}, got {', '.join(sorted(values))}: choose one")
    totals = {point.validation.total for point in points if point.validation}
    if len(totals) > 1:
        raise SpecError(f"points must have the same number of validation images, got {sorted(totals)}")


@dataclass(frozen=True, kw_only=True)
class RemovalCost:
    """Saving and loss of removing one filter from a block.

    Attributes:
        block: its number, from 1.
        count: filters kept in the schedule.
        macs, parameters: MACs per image and parameters saved; 0 at one filter.
        loss: loss of accuracy, 0..1, with all other blocks dense; never negative. NaN outside the measured range
            and at one filter.
    """

    block: int
    count: int
    macs: int
    parameters: int
    loss: float

    @property
    def is_minimal(self) -> bool:
        """True if only one filter remains, which cannot be removed."""
        return self.count == 1

    @property
    def known(self) -> bool:
        """True if the loss was measured or interpolated."""
        return self.loss == self.loss

    @property
    def loss_per_million_macs(self) -> float:
        """Loss of accuracy, 0..1, per million MACs saved; NaN if not measured."""
        return self.loss / (self.macs / 1e6) if self.macs else self.loss


def removal_costs(curves: SensitivityCurves, schedule: Schedule) -> list[RemovalCost]:
    """Cost of removing one more filter from each block of `schedule`.

    Sorted by accuracy lost per MAC saved, least first; then blocks without measurements, and blocks with a single
    filter, from which none can be removed. Losses are those of the smoothed curve, so that none is negative.
    """
    rows = [_removal_cost(curve, schedule) for curve in curves]
    return sorted(
        rows, key=lambda row: (row.is_minimal, not row.known, row.loss_per_million_macs if row.known else 0.0)
    )


def _removal_cost(curve: SensitivityCurve, schedule: Schedule) -> RemovalCost:
    count = schedule.counts[curve.block - 1]
    if count == 1:
        return RemovalCost(block=curve.block, count=count, macs=0, parameters=0, loss=float("nan"))
    before, after = cost(schedule), cost(schedule.replace(curve.block, count - 1))
    return RemovalCost(
        block=curve.block,
        count=count,
        macs=before.macs - after.macs,
        parameters=before.parameters - after.parameters,
        loss=float(curve.smoothed[count - 1] - curve.smoothed[count - 2]),
    )
