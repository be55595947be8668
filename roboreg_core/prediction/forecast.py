"""Predictions from the points of a store, and their accuracy so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from roboreg_core.datasets.cifar10 import TRAINING_COUNTS
from roboreg_core.datasets.dataset import is_cifar10
from roboreg_core.errors import SpecError
from roboreg_core.prediction.sensitivity import SETTING, SensitivityCurves, curves
from roboreg_core.runs.results import LISTED
from roboreg_core.runs.spec import KIND, TUNING
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.sweeps import sweep_store

if TYPE_CHECKING:
    from roboreg_core.prediction.accuracy_predictor import PredictedAccuracies, Predictor
    from roboreg_core.store.store import Store
    from roboreg_core.sweeps.points import Point

PRUNED, TUNED = "pruned", "tuned"
# Size of the cache of fitted forecasts.
CACHE_SIZE = 8


@dataclass(frozen=True, kw_only=True)
class PredictionSettings:
    """Settings that select the measured points to predict from, of all seeds; fields as in `runs.spec.RunSpec`."""

    dense_sha256: str
    training_set: str
    method: str
    recalibrate: bool
    calibration: int
    preset: str = ""
    epochs: int = 0
    learning_rate: float = 0.0
    batch_size: int = 0
    distil: bool = True

    @classmethod
    def of(cls, run: Any) -> PredictionSettings:
        """Settings from a `RunSpec` or any object with the same attributes."""
        return cls(**{name: getattr(run, name) for name in cls.__dataclass_fields__})


def settings_with_points(store: Store, settings: PredictionSettings) -> PredictionSettings:
    """`settings`, or, if the store has no points with them, a copy with another CIFAR-10 training set that has points.

    The training set provides the calibration images; which one it is changes accuracy by tenths of a percentage point.
    If neither training set (bundled, full) has points, returns `settings`.
    """
    parts = TRAINING_COUNTS if is_cifar10(settings.training_set) else ()
    others = [replace(settings, training_set=name) for name in parts if name != settings.training_set]
    return next((each for each in (settings, *others) if _points(store, each)), settings)


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecast:
    """Models fitted to the points of one setting, see `PredictionSettings`.

    Attributes:
        points: the points fitted to.
        curves: sensitivity curves; None without the dense network among the points.
        predictor: None for too few points.
        missing: reason for the absence of a predictor, else empty.
    """

    points: tuple[Point, ...]
    curves: SensitivityCurves | None = None
    predictor: Predictor | None = None
    missing: str = ""


def forecast(store: Store, settings: PredictionSettings) -> Forecast:
    """Models fitted to the points with these settings in the store; cached until the points change."""
    return fit_forecast(tuple(_points(store, settings)))


def _points(store: Store, settings: PredictionSettings) -> list[Point]:
    selected = {name: getattr(settings, name) for name in SETTING}
    return sweep_store.points(store, tuning={name: getattr(settings, name) for name in TUNING}, **selected)


@lru_cache(maxsize=CACHE_SIZE)
def fit_forecast(points: tuple[Point, ...]) -> Forecast:
    """Fit curves and predictor to points of one setting; cached.

    A part that cannot be fitted is None, with the reason in `missing`.
    """
    from roboreg_core.prediction.accuracy_predictor import fit

    found = None
    try:
        found = curves(points)
        return Forecast(points=points, curves=found, predictor=fit(points, found))
    except SpecError as error:
        return Forecast(points=points, curves=found, missing=str(error))


@dataclass(frozen=True, kw_only=True)
class ScoredPrediction:
    """Leave-one-out prediction of one schedule, and its measurement.

    Attributes:
        schedule: filters kept per block.
        stage: `pruned` or `tuned`.
        images: `validation`, or `test` for a run measured on test images only; the prediction is then corrected for the
            difference between the dense network's two accuracies.
        predicted, low, high, measured: accuracies, 0..1.
        record: id of the measurement's record.
        run: True if the record is a run.
        reason: reason for extrapolation, else empty.
    """

    schedule: Schedule
    stage: str
    images: str
    predicted: float
    low: float
    high: float
    measured: float
    record: str
    run: bool
    reason: str = ""

    @property
    def held(self) -> bool:
        """True if the prediction interval contains the measured accuracy."""
        return self.low <= self.measured <= self.high

    @property
    def error(self) -> float:
        """Predicted minus measured accuracy, -1..1."""
        return self.predicted - self.measured


@dataclass(frozen=True, kw_only=True)
class PredictionScore:
    """Summary of scored predictions.

    Attributes:
        n: number of predictions.
        mean_error: mean absolute error of the accuracy, 0..1.
        held: share of prediction intervals that contain the measured accuracy.
    """

    n: int
    mean_error: float
    held: float


def scores(store: Store, settings: PredictionSettings) -> list[ScoredPrediction]:
    """Leave-one-out predictions and measurements of schedules that prune several blocks; empty without predictor."""
    found = forecast(store, settings)
    if found.predictor is None:
        return []
    points = [point for point in found.points if point.schedule.n_pruned > 1]
    pruned = found.predictor.predict_left_out([point.schedule for point in points])
    with_tuned = [point.schedule for point in points if point.tuned_validation is not None]
    tuned = iter(found.predictor.predict_tuned_left_out(with_tuned))
    # Test accuracy of the dense network, as measured by each run.
    dense = {run.id: float(run.result["stages"]["dense"]["accuracy"]) for run in store.list_records(KIND, LISTED)}
    rows: list[ScoredPrediction | None] = []
    for place, point in enumerate(points):
        rows.append(_pruned(found.predictor, point, pruned.row(place), dense.get(point.record)))
        if point.tuned_validation is not None:
            after = next(tuned)
            rows.append(_row(point, TUNED, "validation", after, point.tuned_validation) if after else None)
    return [row for row in rows if row is not None]


def score(rows: Iterable[ScoredPrediction]) -> PredictionScore | None:
    """Summarise the scored predictions `rows`; None if there are none."""
    every = list(rows)
    if not every:
        return None
    return PredictionScore(
        n=len(every),
        mean_error=sum(abs(row.error) for row in every) / len(every),
        held=sum(row.held for row in every) / len(every),
    )


def _pruned(
    predictor: Predictor, point: Point, found: PredictedAccuracies, dense: float | None
) -> ScoredPrediction | None:
    """Score a prediction right after pruning; `dense` is the dense network's test accuracy where known."""
    if point.validation is not None:
        return _row(point, PRUNED, "validation", found, point.validation.accuracy)
    if point.test is None or dense is None:
        return None
    row = _row(point, PRUNED, "test", found, point.test.accuracy)
    validation = predictor.curves.dense.accuracy
    mean, low, high = (_corrected(share, validation, dense) for share in (row.predicted, row.low, row.high))
    return replace(row, predicted=mean, low=low, high=high)


def _row(point: Point, stage: str, images: str, found: PredictedAccuracies, measured: float) -> ScoredPrediction:
    return ScoredPrediction(
        schedule=point.schedule,
        stage=stage,
        images=images,
        predicted=float(found.mean[0]),
        low=float(found.low[0]),
        high=float(found.high[0]),
        measured=measured,
        record=point.record,
        run=point.run,
        reason=found.reasons[0],
    )


def _corrected(share: float, validation: float, test: float) -> float:
    """Multiply an accuracy's odds by the odds ratio of the dense network's two accuracies."""
    if not all(0 < each < 1 for each in (share, validation, test)):
        return share
    odds = share / (1 - share) * (test / (1 - test)) / (validation / (1 - validation))
    return odds / (1 + odds)
