"""Prediction: what a schedule will score on validation images after pruning, learnt from schedules that were measured.

The nine curves say what each block costs alone; summed, they are a first guess. A Gaussian process learns from measured
schedules by what factor losses grow where several blocks are cut. Its interval is calibrated by leaving each measured
schedule out (conformal prediction): what is left of the guesses, in units of what the process expects, gives the width.
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
from roboreg_core.prediction.finetune_recovery import FineTuningRecovery, fit_tuned
from roboreg_core.prediction.sensitivity import SensitivityCurves, check_one_setting, pooled
from roboreg_core.schedules.schedule import BOUNDS, Schedule
from roboreg_core.sweeps.points import ClassCounts, Point

if TYPE_CHECKING:
    from sklearn.gaussian_process import GaussianProcessRegressor

# The share of schedules whose accuracy lies within the interval.
LEVEL = 0.9
# Schedules that cut several blocks; with fewer the interval is the largest error seen, or none at all.
MIN_POINTS = 20
# Schedules that are learnt from; to learn takes time with their cube: minutes and gigabytes for 5,000.
MAX_LEARNT = 600
# Schedules predicted at once: the process's matrices for more do not stay in a processor's cache.
CHUNK = 4_096
# Odds are not told apart beyond: 2,000 images know nothing of it.
FLOOR, CEILING = 0.02, 0.998
# Losses in logits far below this err alike, far above it in proportion.
TURN = 1.0
# What a block costs alone, in logits, is not told apart from nothing below this: the noise of 2,000 images.
SMALL_LOSS = 0.1
_BOUNDS = np.array(BOUNDS)


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictedAccuracies:
    """Accuracies, 0..1, of n schedules.

    Attributes:
        mean, low, high: (n,) what is expected, and the interval that holds `LEVEL` of what is then measured.
        reasons: why each prediction extrapolates, empty where it does not.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    reasons: tuple[str, ...]

    @property
    def extrapolates(self) -> np.ndarray:
        """(n,) whether a prediction goes beyond what was measured."""
        return np.array([bool(reason) for reason in self.reasons])

    def __len__(self) -> int:
        return len(self.mean)


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """Predicts any schedule under one setting. Made by `fit`; refitting takes a fraction of a second, so none is saved.

    Attributes:
        curves: the nine curves that it starts from.
        schedules: what it has learnt from, each once.
        left_out: what each of these would have been predicted without its own measurement.
        measured: (n,) what was measured at each.
        tuned: how accuracy after fine-tuning follows; None where too few runs were fine-tuned.
        tuned_runs: these runs' schedules with their accuracies after fine-tuning.
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
        """Validation accuracy right after pruning; thousands of schedules take less than a second."""
        return self.predict_counts(_counts(schedules))

    def predict_counts(self, counts: np.ndarray) -> PredictedAccuracies:
        """The same for cluster counts (n, 9), integers within bounds."""
        if not len(counts):
            return PredictedAccuracies(mean=np.empty(0), low=np.empty(0), high=np.empty(0), reasons=())
        inputs, guess = _features(self._tables, counts)
        mean, deviation = self._process.predict(inputs, return_std=True)
        return _predictions(self.curves, guess + mean, self._width * deviation, self._reasons(counts))

    def expected(self, counts: np.ndarray) -> np.ndarray:
        """The mean alone, (n,), which is quicker for very many: what a search goes through."""
        inputs, guess = _features(self._tables, counts)
        parts = [self._process.predict(inputs[start : start + CHUNK]) for start in range(0, len(inputs), CHUNK)]
        return _accuracy(self.curves, guess + np.concatenate([np.empty(0), *parts]))

    def predict_tuned(self, schedules: Iterable[Schedule]) -> PredictedAccuracies | None:
        """Validation accuracy after fine-tuning, by what pruning is predicted to leave; None without enough runs."""
        return _after(self.tuned, self.predict(schedules))

    def predict_unseen(self, schedule: Schedule) -> PredictedAccuracies:
        """What it predicts for a schedule without that one's own measurement, whether it has seen it or not."""
        place = self._places.get(schedule)
        if place is None:
            return self.predict([schedule])
        own = slice(place, place + 1)
        out = self.left_out
        return PredictedAccuracies(mean=out.mean[own], low=out.low[own], high=out.high[own], reasons=out.reasons[own])

    def predict_tuned_unseen(self, schedule: Schedule) -> PredictedAccuracies | None:
        """What it predicts after fine-tuning without this schedule's own points and runs."""
        others = [run for run in self.tuned_runs if run[0] != schedule]
        return _after(_learnt_tuning(self, others), self.predict_unseen(schedule))

    @cached_property
    def _places(self) -> dict[Schedule, int]:
        return {schedule: place for place, schedule in enumerate(self.schedules)}

    def _reasons(self, counts: np.ndarray) -> tuple[str, ...]:
        lowest = np.array([curve.lowest for curve in self.curves])
        far = _distances(counts, _counts(self.schedules)).min(1) > self._reach
        return tuple(_reason(row, lowest, each) for row, each in zip(counts, far, strict=True))


def fit(points: Iterable[Point], curves: SensitivityCurves) -> Predictor:
    """Learn from points of one setting; several seeds of a schedule are pooled.

    Of more than `MAX_LEARNT` schedules so many are learnt from, evenly spread over all in lexicographic order.

    Points with an accuracy after fine-tuning must have been tuned alike; points without validation images teach that
    alone.

    Raises:
        SpecError: fewer than `MIN_POINTS` schedules cut several blocks, a block has no curve, or points are of several
            settings.
    """
    every = list(points)
    check_one_setting(every)
    if curves.unmeasured:
        blocks = ", ".join(map(str, curves.unmeasured))
        raise SpecError(f"a prediction needs the sensitivity of every block, got none of {blocks}: measure it")
    schedules, measured = _spread(*_pooled(every))
    several = np.array([sum(a < b for a, b in zip(each, BOUNDS, strict=True)) > 1 for each in schedules], dtype=bool)
    if several.sum() < MIN_POINTS:
        raise SpecError(
            f"a prediction needs {MIN_POINTS} measured schedules that cut several blocks, got {several.sum()}: "
            "sweep random schedules with this method"
        )
    counts, tables = _counts(schedules), _tables(curves)
    inputs, guess = _features(tables, counts)
    target = _target(curves, measured)
    process = _learnt(inputs, target - guess)
    left, deviation = _leave_one_out(process)
    width = _conformal(np.abs(target - guess - left)[several] / deviation[several])
    predictor = Predictor(
        curves=curves,
        schedules=schedules,
        left_out=_predictions(curves, guess + left, width * deviation, ("",) * len(schedules)),
        measured=measured,
        _process=process,
        _tables=tables,
        _width=width,
        _reach=_reach(counts),
    )
    runs = tuple((each.schedule, each.tuned_validation) for each in every if each.tuned_validation is not None)
    return replace(predictor, tuned=_learnt_tuning(predictor, runs), tuned_runs=runs)


def _learnt_tuning(predictor: Predictor, runs: Sequence[tuple[Schedule, float]]) -> FineTuningRecovery | None:
    pruned = predictor.predict(schedule for schedule, _ in runs).mean
    return fit_tuned(pruned, np.array([accuracy for _, accuracy in runs]), predictor.curves.dense)


def _after(tuned: FineTuningRecovery | None, pruned: PredictedAccuracies) -> PredictedAccuracies | None:
    """What fine-tuning makes of these predictions."""
    if tuned is None:
        return None
    mean, low, high = tuned.predict(pruned.mean)
    reasons = tuple(
        reason or ("no run that lost so much was fine-tuned" if further else "")
        for reason, further in zip(pruned.reasons, pruned.mean < tuned.lowest - 1e-9, strict=True)
    )
    return PredictedAccuracies(mean=mean, low=low, high=high, reasons=reasons)


def _pooled(points: Sequence[Point]) -> tuple[tuple[Schedule, ...], np.ndarray]:
    """Each schedule once, in order, and its validation accuracy (n,)."""
    seen: dict[Schedule, list[ClassCounts]] = {}
    for point in points:
        if point.validation is not None:
            seen.setdefault(point.schedule, []).append(point.validation)
    order = sorted(seen, key=lambda schedule: schedule.clusters)
    return tuple(order), np.array([pooled(seen[schedule]).accuracy for schedule in order])


def _spread(schedules: tuple[Schedule, ...], measured: np.ndarray) -> tuple[tuple[Schedule, ...], np.ndarray]:
    """Those to learn from, in their order."""
    if len(schedules) <= MAX_LEARNT:
        return schedules, measured
    taken = np.linspace(0, len(schedules) - 1, MAX_LEARNT).round().astype(int)
    return tuple(schedules[place] for place in taken), measured[taken]


def _counts(schedules: Iterable[Schedule]) -> np.ndarray:
    """Cluster counts (n, 9)."""
    return np.array([schedule.clusters for schedule in schedules], dtype=int).reshape(-1, len(BOUNDS))


def _tables(curves: SensitivityCurves) -> np.ndarray:
    """What each block costs alone in logits (9, 64), by count; below the lowest measured count as there."""
    tables = np.zeros((len(BOUNDS), max(BOUNDS)))
    for place, curve in enumerate(curves):
        share = np.where(np.isnan(curve.rising), np.nanmin(curve.rising), curve.rising)
        tables[place, : curve.bound] = np.maximum(_logit(curves.dense.accuracy) - _logit(share), 0.0)
    return tables


def _features(tables: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the process learns from (n, 9), and the first guess of the target (n,): that losses in logits add up."""
    alone = tables[np.arange(len(BOUNDS)), counts - 1]
    return np.log(alone + SMALL_LOSS), np.log(alone.sum(1) + TURN)


def _target(curves: SensitivityCurves, accuracy: np.ndarray) -> np.ndarray:
    """The loss in logits on a scale on which errors are as large everywhere: a logarithm, straight near zero."""
    loss = _logit(curves.dense.accuracy) - _logit(accuracy)
    return np.log(np.maximum(loss, -TURN / 2) + TURN)


def _accuracy(curves: SensitivityCurves, target: np.ndarray) -> np.ndarray:
    """The other way round."""
    return 1 / (1 + np.exp(np.exp(target) - TURN - _logit(curves.dense.accuracy)))


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


def _learnt(inputs: np.ndarray, target: np.ndarray) -> GaussianProcessRegressor:
    """A smooth function of the blocks' losses, with noise that its likelihood measures."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

    # The search for the sizes begins near where it ended for `refit`, so that it is short.
    smooth = ConstantKernel(1e-3, (1e-5, 1e2)) * RBF(1.0, (0.1, 100.0))
    straight = ConstantKernel(5e-4, (1e-5, 1e2)) * DotProduct(1.0, "fixed")
    process = GaussianProcessRegressor(smooth + straight + WhiteKernel(1e-3, (1e-5, 1.0)))
    with warnings.catch_warnings():
        # A part of the kernel that the points do not need ends at the edge of what is allowed; that is no fault.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return process.fit(inputs, target)


def _leave_one_out(process: GaussianProcessRegressor) -> tuple[np.ndarray, np.ndarray]:
    """What the process would say of each of its points without it, and how surely (Rasmussen and Williams, 5.12)."""
    from scipy.linalg import cho_solve

    inverse = cho_solve((process.L_, True), np.eye(len(process.L_)))
    variance = 1 / np.diag(inverse)
    return process.y_train_ - process.alpha_ * variance, np.sqrt(variance)


def _conformal(scores: np.ndarray) -> float:
    """The score that `LEVEL` of new schedules stay below, with the correction for being few."""
    rank = min(len(scores), math.ceil(LEVEL * (len(scores) + 1)))
    return float(np.sort(scores)[rank - 1])


def _distances(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How far schedules (n, 9) and (m, 9) lie apart, (n, m): halvings of each block's clusters, as a distance."""
    from scipy.spatial.distance import cdist

    return cdist(np.log2(some / _BOUNDS), np.log2(others / _BOUNDS))


def _reach(counts: np.ndarray) -> float:
    """How far a measured schedule lies from its nearest neighbour at most."""
    between = _distances(counts, counts)
    np.fill_diagonal(between, np.inf)
    return float(between.min(1).max()) * (1 + 1e-9)


def _reason(counts: np.ndarray, lowest: np.ndarray, far: bool) -> str:
    below = [str(block + 1) for block in np.flatnonzero(counts < lowest)]
    if not below:
        return "no measured schedule is near it" if far else ""
    blocks = f"blocks {', '.join(below)} were" if len(below) > 1 else f"block {below[0]} was"
    return f"{blocks} not measured so far down"
