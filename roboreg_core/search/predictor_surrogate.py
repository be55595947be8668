"""A surrogate whose accuracies are those of a `Predictor` fitted to schedules that prune several blocks.

Sums of single blocks' losses order schedules well where little is cut, and far too hopefully where a search looks: at
schedules that cut some blocks to the bone. The predictor has seen schedules that cut all blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from roboreg_core.errors import SpecError
from roboreg_core.prediction.accuracy_predictor import Predictor, fit
from roboreg_core.prediction.sensitivity import SensitivityCurves, curves
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.search.surrogate import AdditiveSurrogate, log_odds, share_of, sums
from roboreg_core.sweeps.points import ClassCounts, Point


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictorSurrogate:
    """An `Outlook` whose accuracies are predicted, and whose recalls follow them.

    Attributes:
        sums: how losses are spread over classes.
        predictor: what accuracy is expected.
        points: what it was learnt from.
        off: log odds by which accuracies are taken to be other than predicted, as a sum of blocks' losses would differ
            under these sums; None for none.
    """

    sums: AdditiveSurrogate
    predictor: Predictor
    points: tuple[Point, ...]
    off: AdditiveSurrogate | None = None

    @property
    def dense(self) -> ClassCounts:
        """What the dense network saw."""
        return self.sums.dense

    def accuracy(self, counts: np.ndarray) -> np.ndarray:
        """See `Outlook`."""
        expected = self.predictor.expected(counts)
        if self.off is None:
            return expected
        total = self.dense.total
        odds = _odds(expected, total) + _odds(self.off.accuracy(counts), total)
        return share_of(odds - _odds(self.sums.accuracy(counts), total), total)

    def recalls(self, counts: np.ndarray) -> np.ndarray:
        """See `Outlook`: each class loses more or less than the sums say by as much as all do."""
        total, told = self.dense.total, self.sums.accuracy(counts)
        dense = log_odds(self.dense.accuracy, total)
        lost, summed = dense - _odds(self.accuracy(counts), total), dense - _odds(told, total)
        share = np.maximum(lost, 0.0) / np.maximum(summed, 1e-6)
        images = np.maximum(self.dense.images, 1)
        start = np.array([log_odds(each, n) for each, n in zip(self.dense.recalls, images, strict=True)])
        recalls = self.sums.recalls(counts)
        fallen = start - _odds(recalls, images)
        return share_of(start - fallen * share[:, None], images)

    def with_measured(self, measured: Sequence[tuple[Schedule, ClassCounts]]) -> PredictorSurrogate:
        """Learnt from these as well."""
        return _with_measured(self, tuple(measured))


@lru_cache(maxsize=1)
def _with_measured(
    outlook: PredictorSurrogate, measured: tuple[tuple[Schedule, ClassCounts], ...]
) -> PredictorSurrogate:
    """Cache the last fit: a search ranks and proposes by the same one."""
    like = replace(outlook.points[0], test=None, tuned_validation=None, tuned_test=None, latency=None, record="")
    more = [replace(like, schedule=schedule, kept=schedule, validation=seen) for schedule, seen in measured]
    known = {point.schedule for point in outlook.points}
    every = (*outlook.points, *(point for point in more if point.schedule not in known))
    return replace(outlook, predictor=fit(every, outlook.predictor.curves), points=every)


def fit_predictor_surrogate(points: Iterable[Point]) -> PredictorSurrogate | AdditiveSurrogate:
    """What points of one setting let expect: learnt where they are enough, else summed.

    Raises `SpecError` where a block has no curve.
    """
    every = tuple(point for point in points if point.validation is not None)
    found: SensitivityCurves = curves(every)
    plain = sums(found, every)
    try:
        return PredictorSurrogate(sums=plain, predictor=fit(every, found), points=every)
    except SpecError:
        return plain


def _odds(shares: np.ndarray, images: int | np.ndarray) -> np.ndarray:
    """`outlook.log_odds` of many shares."""
    right = shares * images
    return np.asarray(np.log((right + 0.5) / (images - right + 0.5)))
