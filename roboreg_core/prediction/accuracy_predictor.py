"""Accuracy predictor: validation accuracy of a schedule after pruning, fitted to measured schedules.

The first guess adds up the losses of single blocks, in logits. A Gaussian process over the blocks' losses predicts its
error. Leave-one-out residuals, divided by the process's standard deviation, give the width of the prediction interval
(conformal prediction).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from roboreg_core.errors import SpecError
from roboreg_core.prediction.finetune_recovery import FineTuningRecovery, fit_recovery
from roboreg_core.prediction.sensitivity import SensitivityCurves, check_one_setting, pooled
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.sweeps.points import ClassCounts, Point

if TYPE_CHECKING:
    from sklearn.gaussian_process import GaussianProcessRegressor

# Coverage of the prediction interval.
LEVEL = 0.9
# Schedules with several pruned blocks needed for a fit.
MIN_POINTS = 20
# Most schedules used in a fit, whose time and memory grow with the cube and the square of their number, and most
# fine-tuned runs used in the fit of the recovery, which is repeated without each of them.
MAX_FITTED = 600
# Schedules predicted at once, so that the process's matrices fit the CPU cache.
CHUNK = 4_096
# Accuracies are clipped to this range, beyond which 2,000 images cannot resolve their log odds.
FLOOR, CEILING = 0.02, 0.998
# Loss in logits at which errors turn from constant to proportional.
LINEAR_LOSS = 1.0
# Losses of a single block below this, in logits, are noise of 2,000 images.
SMALL_LOSS = 0.1


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictedAccuracies:
    """Predicted accuracies, 0..1, of n schedules.

    Attributes:
        mean: expected accuracy (n,).
        low, high: ends of the `LEVEL` prediction interval (n,).
        reasons: why each prediction extrapolates; empty if it does not.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    reasons: tuple[str, ...]

    @property
    def extrapolates(self) -> np.ndarray:
        """Bool (n,): True for predictions outside the range of measured schedules."""
        return np.array([bool(reason) for reason in self.reasons])

    def __len__(self) -> int:
        return len(self.mean)

    def row(self, place: int) -> PredictedAccuracies:
        """The prediction at index `place`, as arrays of length 1."""
        one = slice(place, place + 1)
        return PredictedAccuracies(
            mean=self.mean[one], low=self.low[one], high=self.high[one], reasons=self.reasons[one]
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """Predictor for the points of one pruning setting (method, images, dense network), made by `fit`.

    Attributes:
        curves: sensitivity of every block.
        schedules: the n distinct schedules it was fitted to.
        left_out: leave-one-out predictions of `schedules`.
        measured: measured accuracies of `schedules` (n,), 0..1.
        tuned: model of the accuracy after fine-tuning; None for too few fine-tuned runs.
        tuned_runs: schedules of the fine-tuned runs with their validation accuracies, 0..1.
    """

    curves: SensitivityCurves
    schedules: tuple[Schedule, ...]
    left_out: PredictedAccuracies
    measured: np.ndarray
    tuned: FineTuningRecovery | None = None
    tuned_runs: tuple[tuple[Schedule, float], ...] = ()
    _process: GaussianProcessRegressor = field(repr=False)
    _tables: np.ndarray = field(repr=False)
    _width: float = field(repr=False)
    _reach: float = field(repr=False)

    def predict(self, schedules: Iterable[Schedule]) -> PredictedAccuracies:
        """Predict validation accuracy after pruning; thousands of schedules take less than a second."""
        counts = _counts(schedules, self.curves)
        if not len(counts):
            return PredictedAccuracies(mean=np.empty(0), low=np.empty(0), high=np.empty(0), reasons=())
        inputs, guess = _features(self._tables, counts)
        mean, deviation = self._process.predict(inputs, return_std=True)
        return _predictions(self.curves, guess + mean, self._width * deviation, self._reasons(counts))

    def predict_mean(self, counts: np.ndarray) -> np.ndarray:
        """Expected accuracy (n,), 0..1, of schedules given as filter counts (n, n_blocks), faster than `predict`."""
        inputs, guess = _features(self._tables, counts)
        parts = [self._process.predict(inputs[start : start + CHUNK]) for start in range(0, len(inputs), CHUNK)]
        return _accuracy(self.curves, guess + np.concatenate([np.empty(0), *parts]))

    def predict_tuned(self, schedules: Iterable[Schedule]) -> PredictedAccuracies | None:
        """Predict validation accuracy after fine-tuning; None if too few fine-tuned runs were fitted (`MIN_RUNS`)."""
        return _after_tuning(self.tuned, self.predict(schedules))

    def predict_left_out(self, schedules: Sequence[Schedule]) -> PredictedAccuracies:
        """Predict validation accuracy after pruning; for measured schedules the leave-one-out prediction."""
        found = self.predict(schedules)
        places = [self._places.get(schedule, -1) for schedule in schedules]
        is_fitted, rows, out = np.array(places, dtype=int) >= 0, np.array(places, dtype=int), self.left_out
        mean, low, high = (
            np.where(is_fitted, left_out[rows], new)
            for left_out, new in ((out.mean, found.mean), (out.low, found.low), (out.high, found.high))
        )
        reasons = (out.reasons[place] if place >= 0 else new for place, new in zip(places, found.reasons, strict=True))
        return PredictedAccuracies(mean=mean, low=low, high=high, reasons=tuple(reasons))

    def predict_tuned_left_out(self, schedules: Sequence[Schedule]) -> list[PredictedAccuracies | None]:
        """Predict validation accuracy after fine-tuning, without each schedule's own measurements and runs.

        Returns one prediction per schedule; None where too few other fine-tuned runs are left (`MIN_RUNS`).
        """
        pruned, runs = self.predict_left_out(schedules), _fitted_runs(self.tuned_runs)
        means = self.predict([schedule for schedule, _ in runs]).mean
        accuracies = np.array([accuracy for _, accuracy in runs])
        left_out = {}
        for own in {schedule for schedule, _ in runs}.intersection(schedules):
            others = np.array([schedule != own for schedule, _ in runs])
            left_out[own] = fit_recovery(means[others], accuracies[others], self.curves.dense)
        of_all = _after_tuning(self.tuned, pruned)
        return [
            _after_tuning(left_out[schedule], pruned.row(place))
            if schedule in left_out
            else (of_all.row(place) if of_all else None)
            for place, schedule in enumerate(schedules)
        ]

    @cached_property
    def _places(self) -> dict[Schedule, int]:
        return {schedule: place for place, schedule in enumerate(self.schedules)}

    def _reasons(self, counts: np.ndarray) -> tuple[str, ...]:
        lowest = np.array([curve.lowest for curve in self.curves])
        far = _distances(counts, _counts(self.schedules, self.curves), self.curves).min(1) > self._reach
        return tuple(_reason(row, lowest, each) for row, each in zip(counts, far, strict=True))


def fit(points: Iterable[Point], curves: SensitivityCurves) -> Predictor:
    """Fit a predictor to measured points.

    Args:
        points: points of one setting; seeds of a schedule are pooled. At most `MAX_FITTED` schedules, and as many
            fine-tuned runs, are used, evenly spaced in lexicographic order. Points with an accuracy after fine-tuning
            must share one recipe.
        curves: sensitivity of every block.

    Raises `SpecError`: fewer than `MIN_POINTS` schedules prune several blocks, a block has no measured curve, or the
    points are of several settings.
    """
    every = list(points)
    check_one_setting(every)
    if curves.unmeasured:
        blocks = ", ".join(map(str, curves.unmeasured))
        raise SpecError(f"a prediction needs the sensitivity of every block, got none of {blocks}: measure it")
    schedules, measured = _subset(*_pooled(every))
    several = np.array([each.n_pruned > 1 for each in schedules], dtype=bool)
    if several.sum() < MIN_POINTS:
        raise SpecError(
            f"a prediction needs {MIN_POINTS} measured schedules that prune several blocks, got {several.sum()}: "
            "sweep random schedules with this method"
        )
    counts, tables = _counts(schedules, curves), _tables(curves)
    inputs, guess = _features(tables, counts)
    target = _target(curves, measured)
    process = _fit_process(inputs, target - guess)
    mean, deviation = _leave_one_out(process)
    width = _conformal(np.abs(target - guess - mean)[several] / deviation[several])
    predictor = Predictor(
        curves=curves,
        schedules=schedules,
        left_out=_predictions(curves, guess + mean, width * deviation, ("",) * len(schedules)),
        measured=measured,
        _process=process,
        _tables=tables,
        _width=width,
        _reach=_reach(counts, curves),
    )
    runs = tuple((each.schedule, each.tuned_validation) for each in every if each.tuned_validation is not None)
    return replace(predictor, tuned=_fit_tuned(predictor, runs), tuned_runs=runs)


def _fit_tuned(predictor: Predictor, runs: Sequence[tuple[Schedule, float]]) -> FineTuningRecovery | None:
    fitted = _fitted_runs(runs)
    pruned = predictor.predict(schedule for schedule, _ in fitted).mean
    return fit_recovery(pruned, np.array([accuracy for _, accuracy in fitted]), predictor.curves.dense)


def _fitted_runs(runs: Sequence[tuple[Schedule, float]]) -> Sequence[tuple[Schedule, float]]:
    """At most `MAX_FITTED` of the runs, evenly spaced in lexicographic order of their schedules."""
    if len(runs) <= MAX_FITTED:
        return runs
    ordered = sorted(runs, key=lambda run: run[0].counts)
    return [ordered[place] for place in _evenly(len(ordered))]


def _after_tuning(tuned: FineTuningRecovery | None, pruned: PredictedAccuracies) -> PredictedAccuracies | None:
    if tuned is None:
        return None
    mean, low, high = tuned.predict(pruned.mean)
    reasons = tuple(
        reason or ("no fine-tuned run lost as much accuracy by pruning" if below else "")
        for reason, below in zip(pruned.reasons, pruned.mean < tuned.lowest - 1e-9, strict=True)
    )
    return PredictedAccuracies(mean=mean, low=low, high=high, reasons=reasons)


def _pooled(points: Sequence[Point]) -> tuple[tuple[Schedule, ...], np.ndarray]:
    """Distinct schedules in lexicographic order, and the validation accuracy of each (n,)."""
    measured: dict[Schedule, list[ClassCounts]] = {}
    for point in points:
        if point.validation is not None:
            measured.setdefault(point.schedule, []).append(point.validation)
    order = sorted(measured, key=lambda schedule: schedule.counts)
    return tuple(order), np.array([pooled(measured[schedule]).accuracy for schedule in order])


def _subset(schedules: tuple[Schedule, ...], measured: np.ndarray) -> tuple[tuple[Schedule, ...], np.ndarray]:
    if len(schedules) <= MAX_FITTED:
        return schedules, measured
    taken = _evenly(len(schedules))
    return tuple(schedules[place] for place in taken), measured[taken]


def _evenly(count: int) -> np.ndarray:
    """`MAX_FITTED` evenly spaced places among `count`."""
    return np.linspace(0, count - 1, MAX_FITTED).round().astype(int)


def _counts(schedules: Iterable[Schedule], curves: SensitivityCurves) -> np.ndarray:
    return np.array([schedule.counts for schedule in schedules], dtype=int).reshape(-1, len(curves.each))


def _tables(curves: SensitivityCurves) -> np.ndarray:
    """Loss of each block alone in logits, by filters kept; constant below the lowest measured count.

    Returns (n_blocks, largest width).
    """
    tables = np.zeros((len(curves.each), max(curve.bound for curve in curves)))
    for place, curve in enumerate(curves):
        share = np.where(np.isnan(curve.smoothed), np.nanmin(curve.smoothed), curve.smoothed)
        tables[place, : curve.bound] = np.maximum(_logit(curves.dense.accuracy) - _logit(share), 0.0)
    return tables


def _features(tables: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of the process (n, n_blocks), and the first guess of the target (n,): losses in logits add up."""
    alone = tables[np.arange(len(tables)), counts - 1]
    return np.log(alone + SMALL_LOSS), np.log(alone.sum(1) + LINEAR_LOSS)


def _target(curves: SensitivityCurves, accuracy: np.ndarray) -> np.ndarray:
    """Loss in logits on a variance-stabilising scale: linear near zero, then logarithmic."""
    loss = _logit(curves.dense.accuracy) - _logit(accuracy)
    return np.log(np.maximum(loss, -LINEAR_LOSS / 2) + LINEAR_LOSS)


def _accuracy(curves: SensitivityCurves, target: np.ndarray) -> np.ndarray:
    """Inverse of `_target`."""
    return 1 / (1 + np.exp(np.exp(target) - LINEAR_LOSS - _logit(curves.dense.accuracy)))


def _logit(share: Any) -> Any:
    share = np.clip(share, FLOOR, CEILING)
    return np.log(share / (1 - share))


def _predictions(
    curves: SensitivityCurves, target: np.ndarray, half: np.ndarray, reasons: tuple[str, ...]
) -> PredictedAccuracies:
    return PredictedAccuracies(
        mean=_accuracy(curves, target),
        low=_accuracy(curves, target + half),
        high=_accuracy(curves, target - half),
        reasons=reasons,
    )


def _fit_process(inputs: np.ndarray, target: np.ndarray) -> GaussianProcessRegressor:
    """Smooth plus linear function of the blocks' losses, with noise fitted by maximum likelihood."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

    # Initial values near the optimum for `refit`, for a short optimisation.
    smooth = ConstantKernel(1e-3, (1e-5, 1e2)) * RBF(1.0, (0.1, 100.0))
    linear = ConstantKernel(5e-4, (1e-5, 1e2)) * DotProduct(1.0, "fixed")
    process = GaussianProcessRegressor(smooth + linear + WhiteKernel(1e-3, (1e-5, 1.0)))
    with warnings.catch_warnings():
        # A kernel term that the points do not need ends at its bound.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return process.fit(inputs, target)


def _leave_one_out(process: GaussianProcessRegressor) -> tuple[np.ndarray, np.ndarray]:
    """Leave-one-out means and standard deviations (Rasmussen and Williams 2006, eq. 5.12)."""
    from scipy.linalg import cho_solve

    inverse = cho_solve((process.L_, True), np.eye(len(process.L_)))
    variance = 1 / np.diag(inverse)
    return process.y_train_ - process.alpha_ * variance, np.sqrt(variance)


def _conformal(scores: np.ndarray) -> float:
    """The `LEVEL` quantile of the scores with the finite-sample correction."""
    rank = min(len(scores), math.ceil(LEVEL * (len(scores) + 1)))
    return float(np.sort(scores)[rank - 1])


def _distances(some: np.ndarray, others: np.ndarray, curves: SensitivityCurves) -> np.ndarray:
    """Euclidean distances (n, m) of schedules (n, n_blocks) and (m, n_blocks), in halvings of each block's filters."""
    from scipy.spatial.distance import cdist

    bounds = np.array([curve.bound for curve in curves])
    return cdist(np.log2(some / bounds), np.log2(others / bounds))


def _reach(counts: np.ndarray, curves: SensitivityCurves) -> float:
    """Largest distance of a measured schedule from its nearest neighbour."""
    between = _distances(counts, counts, curves)
    np.fill_diagonal(between, np.inf)
    return float(between.min(1).max()) * (1 + 1e-9)


def _reason(counts: np.ndarray, lowest: np.ndarray, far: bool) -> str:
    below = [str(block + 1) for block in np.flatnonzero(counts < lowest)]
    if not below:
        return "no measured schedule is near it" if far else ""
    blocks = f"blocks {', '.join(below)} were" if len(below) > 1 else f"block {below[0]} was"
    return f"{blocks} not measured with so few filters"
