"""Surrogates: cheap predictions of accuracy and per-class recall for many schedules at once.

`AdditiveSurrogate` sums the blocks' sensitivities in log odds, which is an approximation.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import SpecError
from roboreg_core.prediction.sensitivity import SensitivityCurve, SensitivityCurves
from roboreg_core.sweeps.points import ClassCounts, Point

# Ridge penalty, in squared log odds, that shrinks a class's loss in a block towards the loss over all classes.
SHRINK = 0.5
# Measured schedules with several pruned blocks needed to fit `scale` and `power`.
MIN_POINTS_FOR_POWER = 8
# Largest loss per block in log odds, so that a network at chance has finite log odds.
MAX_LOSS = 6.0


class Surrogate(Protocol):
    """Predictions on validation images after pruning, before fine-tuning."""

    @property
    def dense(self) -> ClassCounts:
        """Correct predictions of the dense network on validation images, per class."""
        ...

    @property
    def architecture(self) -> Architecture:
        """Architecture of the dense network."""
        ...

    def accuracy(self, counts: np.ndarray) -> np.ndarray:
        """Accuracy (n,), 0..1, of schedules given as filter counts (n, n_blocks)."""
        ...

    def recalls(self, counts: np.ndarray) -> np.ndarray:
        """Recall per class (n, classes), 0..1, of schedules given as filter counts (n, n_blocks)."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class AdditiveSurrogate:
    """A `Surrogate` that sums the losses of single blocks: `loss = scale * sum ** power`, in log odds.

    Attributes:
        dense: correct predictions of the dense network on validation images.
        losses: loss in log odds (classes + 1, n_blocks, largest width) by class (overall first), block and filters kept
            (1 first).
        scale, power: correction for schedules that prune several blocks.
        architecture: of the dense network.
    """

    dense: ClassCounts
    losses: np.ndarray
    scale: float = 1.0
    power: float = 1.0
    architecture: Architecture = RESNET20

    def accuracy(self, counts: np.ndarray) -> np.ndarray:
        """Accuracy (n,), 0..1, of schedules given as filter counts (n, n_blocks)."""
        total = self.dense.total
        return share_of(log_odds(self.dense.accuracy, total) - self._corrected(self._sum(counts, 0)), total)

    def recalls(self, counts: np.ndarray) -> np.ndarray:
        """Recall per class (n, classes), 0..1, of schedules given as filter counts (n, n_blocks)."""
        overall = np.maximum(self._sum(counts, 0), 1e-9)
        correction = self._corrected(overall) / overall
        images = np.maximum(self.dense.images, 1)
        lost = np.stack([self._sum(counts, row) for row in range(1, len(self.losses))], axis=1)
        return share_of(log_odds(np.array(self.dense.recalls), images) - lost * correction[:, None], images)

    def _sum(self, counts: np.ndarray, row: int) -> np.ndarray:
        return self.losses[row][np.arange(counts.shape[1]), counts - 1].sum(1)

    def _corrected(self, lost: np.ndarray) -> np.ndarray:
        return self.scale * np.maximum(lost, 0.0) ** self.power  # rounding can leave a sum slightly below 0


def additive_surrogate(curves: SensitivityCurves, points: Iterable[Point] = ()) -> AdditiveSurrogate:
    """Build an additive surrogate from sensitivity curves.

    Args:
        curves: sensitivity of every block.
        points: measured schedules; those with several pruned blocks determine `scale` and `power`.

    Raises `SpecError`: a block has no measured curve.
    """
    if curves.unmeasured:
        blocks = ", ".join(map(str, curves.unmeasured))
        n_blocks = curves.architecture.n_blocks
        raise SpecError(f"a search needs the sensitivity of all {n_blocks} blocks, got none of {blocks}: measure it")
    bounds = curves.architecture.bounds
    losses = np.zeros((len(curves.dense.images) + 1, len(bounds), max(bounds)))
    for place, curve in enumerate(curves):
        losses[:, place, : curve.bound] = _losses(curve, curves.dense)
    surrogate = AdditiveSurrogate(dense=curves.dense, losses=losses, architecture=curves.architecture)
    return _fit_power(surrogate, points)


def _losses(curve: SensitivityCurve, dense: ClassCounts) -> np.ndarray:
    """Losses (classes + 1, bound) at 1..bound filters, overall first; non-increasing in the number of filters."""
    measured = np.array(curve.counts)
    overall = _monotone([_lost(each.accuracy, dense.accuracy, each.total) for _, each in curve.measured], measured)
    factors = _class_factors(curve, dense, overall[measured - 1])
    return np.vstack([overall[None], factors[:, None] * overall])


def _lost(share: float, dense: float, images: int) -> float:
    return min(float(log_odds(dense, images) - log_odds(share, images)), MAX_LOSS)


def _monotone(lost: list[float], measured: np.ndarray) -> np.ndarray:
    """Isotonic losses at 1..bound filters, interpolated with monotone cubics (PCHIP) over the logarithm."""
    from scipy.interpolate import PchipInterpolator
    from sklearn.isotonic import isotonic_regression

    falling = isotonic_regression(np.maximum(lost, 0.0), increasing=False)
    # Break ties between equal losses in favour of more filters.
    falling = falling + 1e-3 * (measured[-1] / measured - 1)
    counts = np.arange(1, measured[-1] + 1)
    inside = PchipInterpolator(np.log(measured), falling)(np.log(np.maximum(counts, measured[0])))
    # Extrapolate below the lowest measured count with the slope between the two lowest.
    slope = (falling[0] - falling[1]) / np.log(measured[1] / measured[0])
    beyond = np.maximum(np.log(measured[0] / counts), 0.0) * slope
    return np.asarray(np.clip(inside + beyond, 0.0, MAX_LOSS))


def _class_factors(curve: SensitivityCurve, dense: ClassCounts, overall: np.ndarray) -> np.ndarray:
    """Loss of each class relative to the overall loss (classes,): ridge regression, shrunk towards one."""
    factors = np.empty(len(dense.images))
    for label in range(len(factors)):
        lost = [
            _lost(each.recalls[label], dense.recalls[label], each.images[label]) if each.images[label] else 0.0
            for _, each in curve.measured
        ]
        factors[label] = (np.dot(lost, overall) + SHRINK) / (np.dot(overall, overall) + SHRINK)
    return np.maximum(factors, 0.0)


def _fit_power(surrogate: AdditiveSurrogate, points: Iterable[Point]) -> AdditiveSurrogate:
    """Fit `scale` and `power` to points with several pruned blocks, by a line through logarithms."""
    rows = [
        (point.kept.counts, point.validation)
        for point in points
        if point.validation is not None and point.kept.n_pruned > 1
    ]
    if len(rows) < MIN_POINTS_FOR_POWER:
        return surrogate
    summed = surrogate._sum(np.array([counts for counts, _ in rows]), 0)
    lost = np.array([_lost(each.accuracy, surrogate.dense.accuracy, each.total) for _, each in rows])
    usable = (lost > 0.05) & (summed > 0.05)
    if usable.sum() < MIN_POINTS_FOR_POWER or np.ptp(np.log(summed[usable])) < 0.2:
        return surrogate
    power, scale = np.polyfit(np.log(summed[usable]), np.log(lost[usable]), 1)
    if power <= 0:
        return surrogate
    return replace(surrogate, scale=float(np.exp(scale)), power=float(power))


def log_odds(share: float | np.ndarray, images: int | np.ndarray) -> np.ndarray:
    """Log odds of a share (0..1) of `images` images; half an image is added to either side, so they are finite."""
    right = share * images
    return np.asarray(np.log((right + 0.5) / (images - right + 0.5)))


def share_of(log_odds: np.ndarray, images: int | np.ndarray) -> np.ndarray:
    """Share, 0..1, of `images` images with these log odds: the inverse of the function `log_odds`."""
    return np.asarray(np.clip(((images + 1) / (1 + np.exp(-log_odds)) - 0.5) / images, 0.0, 1.0))
