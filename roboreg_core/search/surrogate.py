"""What a search believes of schedules before it measures them: accuracy and recalls, for very many at a time.

Losses of single blocks (`sensitivity`) are added up as log odds. That is an approximation: what it says of an answer is
measured before the answer is called one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from roboreg_core.errors import SpecError
from roboreg_core.prediction.sensitivity import SensitivityCurve, SensitivityCurves
from roboreg_core.schedules.schedule import BOUNDS, N_BLOCKS
from roboreg_core.sweeps.points import N_CLASSES, ClassCounts, Point

# Log odds: a class's own loss is believed as far as that of its block has grown above this, else the block's mean.
SHRINK = 0.5
# So many schedules that cut several blocks must be known before the sum is bent after them.
FEWEST_TO_BEND = 8
# A block loses no more than this, so that a network at chance has finite log odds.
LARGEST = 6.0


class Surrogate(Protocol):
    """Predicts what schedules reach on validation images right after pruning."""

    @property
    def dense(self) -> ClassCounts:
        """What the dense network saw."""
        ...

    def accuracy(self, counts: np.ndarray) -> np.ndarray:
        """Accuracy, 0..1, of schedules whose counts are rows (n, 9); float (n,)."""
        ...

    def recalls(self, counts: np.ndarray) -> np.ndarray:
        """Recall of each class, 0..1; float (n, 10)."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class AdditiveSurrogate:
    """An `Surrogate` that adds up what each block loses by itself.

    Attributes:
        dense: what the dense network saw.
        losses: log odds lost, overall and then in each class, by block and count; float (11, 9, 64), count 1 first.
        scale, power: the sum `s` counts as `scale * s ** power`: cuts in several blocks cost more or less than
            one by one.
    """

    dense: ClassCounts
    losses: np.ndarray
    scale: float = 1.0
    power: float = 1.0

    def accuracy(self, counts: np.ndarray) -> np.ndarray:
        """See `Surrogate`."""
        total = self.dense.total
        return share_of(log_odds(self.dense.accuracy, total) - self._bent(self._sum(counts, 0)), total)

    def recalls(self, counts: np.ndarray) -> np.ndarray:
        """See `Surrogate`."""
        overall = np.maximum(self._sum(counts, 0), 1e-9)
        # A class shares in how the whole sum is bent.
        bent = self._bent(overall) / overall
        images = np.maximum(self.dense.images, 1)
        start = [log_odds(share, total) for share, total in zip(self.dense.recalls, images, strict=True)]
        lost = np.stack([self._sum(counts, which) for which in range(1, N_CLASSES + 1)], axis=1)
        return share_of(np.array(start) - lost * bent[:, None], images)

    def _sum(self, counts: np.ndarray, which: int) -> np.ndarray:
        return self.losses[which][np.arange(N_BLOCKS), counts - 1].sum(1)

    def _bent(self, lost: np.ndarray) -> np.ndarray:
        return self.scale * np.maximum(lost, 0.0) ** self.power  # rounding may leave a little less than nothing


def sums(curves: SensitivityCurves, points: Iterable[Point] = ()) -> AdditiveSurrogate:
    """What the curves say; `points` of schedules that cut several blocks say how losses of blocks add up.

    Raises `SpecError` where a block has no curve.
    """
    if curves.unmeasured:
        blocks = ", ".join(map(str, curves.unmeasured))
        raise SpecError(f"a search needs sensitivity curves of all {N_BLOCKS} blocks, got none of {blocks}: measure it")
    losses = np.zeros((N_CLASSES + 1, N_BLOCKS, max(BOUNDS)))
    for place, curve in enumerate(curves):
        losses[:, place, : curve.bound] = _losses(curve, curves.dense)
    return _bend(AdditiveSurrogate(dense=curves.dense, losses=losses), points)


def _losses(curve: SensitivityCurve, dense: ClassCounts) -> np.ndarray:
    """Log odds lost at counts 1..bound (11, bound), overall first; never less with fewer clusters."""
    known = np.array(curve.counts)
    overall = _fall(known, [_lost(seen.accuracy, dense.accuracy, seen.total) for _, seen in curve.measured])
    factors = _class_factors(curve, dense, overall[known - 1])
    return np.vstack([overall[None], factors[:, None] * overall])


def _lost(share: float, dense: float, images: int) -> float:
    return min(log_odds(dense, images) - log_odds(share, images), LARGEST)


def _fall(known: np.ndarray, lost: list[float]) -> np.ndarray:
    """Losses at 1..bound from measured ones: made falling (isotonic), between by monotone cubics over log count."""
    from scipy.interpolate import PchipInterpolator
    from sklearn.isotonic import isotonic_regression

    falling = isotonic_regression(np.maximum(lost, 0.0), increasing=False)
    # Even where the images show no loss one cluster more is a little better: ties are settled by shape, not by chance.
    falling = falling + 1e-3 * (known[-1] / known - 1)
    counts = np.arange(1, known[-1] + 1)
    inside = PchipInterpolator(np.log(known), falling)(np.log(np.maximum(counts, known[0])))
    # Below the lowest measured count the loss goes on at the slope between the two lowest.
    slope = (falling[0] - falling[1]) / np.log(known[1] / known[0])
    beyond = np.maximum(np.log(known[0] / counts), 0.0) * slope
    return np.asarray(np.clip(inside + beyond, 0.0, LARGEST))


def _class_factors(curve: SensitivityCurve, dense: ClassCounts, overall: np.ndarray) -> np.ndarray:
    """How much each class loses in a block for what all lose, (10,): least squares, shrunk towards one."""
    factors = np.empty(N_CLASSES)
    for label in range(N_CLASSES):
        lost = [
            _lost(seen.recalls[label], dense.recalls[label], seen.images[label]) if seen.images[label] else 0.0
            for _, seen in curve.measured
        ]
        factors[label] = (np.dot(lost, overall) + SHRINK) / (np.dot(overall, overall) + SHRINK)
    return np.maximum(factors, 0.0)


def _bend(plain: AdditiveSurrogate, points: Iterable[Point]) -> AdditiveSurrogate:
    """The sums with scale and power after points that cut several blocks, by a line through logarithms."""
    rows = [
        (point.kept.clusters, point.validation)
        for point in points
        if point.validation is not None and sum(k < b for k, b in zip(point.kept, BOUNDS, strict=True)) > 1
    ]
    if len(rows) < FEWEST_TO_BEND:
        return plain
    added = plain._sum(np.array([counts for counts, _ in rows]), 0)
    lost = np.array([_lost(seen.accuracy, plain.dense.accuracy, seen.total) for _, seen in rows])
    told = (lost > 0.05) & (added > 0.05)
    if told.sum() < FEWEST_TO_BEND or np.ptp(np.log(added[told])) < 0.2:
        return plain
    power, scale = np.polyfit(np.log(added[told]), np.log(lost[told]), 1)
    if power <= 0:
        return plain
    return replace(plain, scale=float(np.exp(scale)), power=float(power))


def log_odds(share: float, images: int) -> float:
    """Log odds of a share of so many images; half an image is added to either side, so that none is infinite."""
    right = share * images
    return float(np.log((right + 0.5) / (images - right + 0.5)))


def share_of(log_odds: np.ndarray, images: int | np.ndarray) -> np.ndarray:
    """What `log_odds` was made of."""
    return np.asarray(np.clip(((images + 1) / (1 + np.exp(-log_odds)) - 0.5) / images, 0.0, 1.0))
