"""A surrogate whose accuracies come from a `Predictor` fitted to schedules that prune several blocks.

Sums of single-block losses rank lightly pruned schedules well, but are too optimistic for schedules that prune some
blocks to very few filters, which is where a search looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from roboreg_core.architecture import Architecture
from roboreg_core.errors import SpecError
from roboreg_core.prediction.accuracy_predictor import Predictor, fit
from roboreg_core.prediction.sensitivity import curves
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.search.surrogate import AdditiveSurrogate, additive_surrogate, log_odds, share_of
from roboreg_core.sweeps.points import ClassCounts, Point


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictorSurrogate:
    """A `Surrogate` with accuracies from a predictor, and recalls of an additive surrogate scaled to match them.

    Attributes:
        additive: distributes the loss over classes.
        predictor: predicts accuracy.
        points: the points that `predictor` was fitted to.
        sample: additive surrogate drawn from the posterior; its difference from `additive` shifts the predicted log
            odds. None for the posterior mean.
    """

    additive: AdditiveSurrogate
    predictor: Predictor
    points: tuple[Point, ...]
    sample: AdditiveSurrogate | None = None

    @property
    def dense(self) -> ClassCounts:
        """Correct predictions of the dense network on validation images, per class."""
        return self.additive.dense

    @property
    def architecture(self) -> Architecture:
        """Architecture of the dense network."""
        return self.additive.architecture

    def accuracy(self, counts: np.ndarray) -> np.ndarray:
        """Accuracy (n,), 0..1, of schedules given as filter counts (n, n_blocks)."""
        predicted = self.predictor.predict_mean(counts)
        if self.sample is None:
            return predicted
        total = self.dense.total
        shifted = log_odds(predicted, total) + log_odds(self.sample.accuracy(counts), total)
        return share_of(shifted - log_odds(self.additive.accuracy(counts), total), total)

    def recalls(self, counts: np.ndarray) -> np.ndarray:
        """Recalls (n, classes), 0..1, of schedules given as filter counts (n, n_blocks).

        Losses per class of the additive surrogate are scaled by the ratio of predicted to additive overall loss.
        """
        total = self.dense.total
        dense = log_odds(self.dense.accuracy, total)
        lost = dense - log_odds(self.accuracy(counts), total)
        summed = dense - log_odds(self.additive.accuracy(counts), total)
        ratio = np.maximum(lost, 0.0) / np.maximum(summed, 1e-6)
        images = np.maximum(self.dense.images, 1)
        start = log_odds(np.array(self.dense.recalls), images)
        class_losses = start - log_odds(self.additive.recalls(counts), images)
        return share_of(start - class_losses * ratio[:, None], images)

    def with_measured(self, measured: Sequence[tuple[Schedule, ClassCounts]]) -> PredictorSurrogate:
        """Copy with a predictor that is also fitted to these schedules and their correct validation predictions."""
        return _with_measured(self, tuple(measured))


@lru_cache(maxsize=1)
def _with_measured(
    surrogate: PredictorSurrogate, measured: tuple[tuple[Schedule, ClassCounts], ...]
) -> PredictorSurrogate:
    """Cache the last fit: a search ranks and proposes with the same one."""
    template = replace(surrogate.points[0], test=None, tuned_validation=None, tuned_test=None, latency=None, record="")
    known = {point.schedule for point in surrogate.points}
    added = [
        replace(template, schedule=schedule, kept=schedule, validation=counts)
        for schedule, counts in measured
        if schedule not in known
    ]
    points = (*surrogate.points, *added)
    return replace(surrogate, predictor=fit(points, surrogate.predictor.curves), points=points)


def fit_predictor_surrogate(points: Iterable[Point]) -> PredictorSurrogate | AdditiveSurrogate:
    """Fit a surrogate to points of one setting: an additive one if they are too few for a predictor.

    Raises `SpecError`: a block has no measured curve.
    """
    every = tuple(point for point in points if point.validation is not None)
    sensitivity = curves(every)
    additive = additive_surrogate(sensitivity, every)
    try:
        return PredictorSurrogate(additive=additive, predictor=fit(every, sensitivity), points=every)
    except SpecError:
        return additive
