"""What the store's points foretell of other schedules under one setting, and how right that has been."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from roboreg_core.errors import SpecError
from roboreg_core.runs.spec import TUNING
from roboreg_core.schedules.schedule import BOUNDS, Schedule
from roboreg_core.sweeps import sweep_store

if TYPE_CHECKING:
    from roboreg_core.prediction.accuracy_predictor import PredictedAccuracies, Predictor
    from roboreg_core.prediction.sensitivity import SensitivityCurves
    from roboreg_core.store.store import Store
    from roboreg_core.sweeps.points import Point

PRUNED, TUNED = "pruned", "tuned"
# Forecasts that are kept: those of the methods that somebody looks at in turn.
KEPT = 8


@dataclass(frozen=True, kw_only=True)
class PredictionSettings:
    """Under which setting: see `runs.spec.RunSpec` for the fields. Seeds are pooled."""

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
        """What a `RunSpec`, or anything else with these fields, asks for."""
        return cls(**{name: getattr(run, name) for name in cls.__dataclass_fields__})


def learnable(store: Store, asked: PredictionSettings) -> PredictionSettings:
    """The same with the other training images where points were measured with those alone.

    Pruning draws its calibration images from them; which ones it draws from changes an accuracy by tenths of a point.
    """
    from roboreg_core.datasets.sources import TRAINING_COUNTS

    others = [replace(asked, training_set=name) for name in TRAINING_COUNTS if name != asked.training_set]
    return next((each for each in (asked, *others) if _points(store, each)), asked)


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecast:
    """What is known under one setting.

    Attributes:
        points: all points.
        curves: of sensitivity; None where the dense network is not among the points.
        predictor: None where too little is known.
        missing: why there is no predictor, else empty.
    """

    points: tuple[Point, ...]
    curves: SensitivityCurves | None = None
    predictor: Predictor | None = None
    missing: str = ""


def forecast(store: Store, asked: PredictionSettings) -> Forecast:
    """Learn from the points that the store holds; what was learnt is kept until there are others."""
    return learnt(tuple(_points(store, asked)))


def _points(store: Store, asked: PredictionSettings) -> list[Point]:
    setting = {name: getattr(asked, name) for name in _SETTING}
    return sweep_store.points(store, tuning={name: getattr(asked, name) for name in TUNING}, **setting)


@lru_cache(maxsize=KEPT)
def learnt(points: tuple[Point, ...]) -> Forecast:
    """The same from points of one setting."""
    from roboreg_core.prediction.accuracy_predictor import fit
    from roboreg_core.prediction.sensitivity import curves

    found = None
    try:
        found = curves(points)
        return Forecast(points=points, curves=found, predictor=fit(points, found))
    except SpecError as error:
        return Forecast(points=points, curves=found, missing=str(error))


@dataclass(frozen=True, kw_only=True)
class ScoredPrediction:
    """One schedule's prediction, made without its own figures, beside what was then measured.

    Attributes:
        schedule: which.
        stage: `pruned` or `tuned`.
        images: `validation`, or `test` where a run measured no others: the prediction is then moved by as much as the
            dense network's accuracies on the two differ.
        predicted, low, high, measured: accuracies, 0..1.
        record: id of the record that holds the measurement.
        run: whether that is a run.
        reason: why the prediction extrapolates, else empty.
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
        """Whether the interval holds what was measured."""
        return self.low <= self.measured <= self.high

    @property
    def error(self) -> float:
        """Predicted minus measured, as a share."""
        return self.predicted - self.measured


@dataclass(frozen=True, kw_only=True)
class PredictionScore:
    """How right predictions have been.

    Attributes:
        n: how many there are.
        mean_error: mean absolute error, as a share.
        held: share of them whose interval held.
    """

    n: int
    mean_error: float
    held: float


def scores(store: Store, asked: PredictionSettings) -> list[ScoredPrediction]:
    """A row for each measured schedule that cuts several blocks and each stage; none where nothing can be predicted."""
    found = forecast(store, asked)
    if found.predictor is None:
        return []
    rows: list[ScoredPrediction] = []
    for point in found.points:
        if sum(count < bound for count, bound in zip(point.schedule, BOUNDS, strict=True)) > 1:
            rows += [row for row in (_pruned(found.predictor, point, store), _tuned(found.predictor, point)) if row]
    return rows


def score(rows: Iterable[ScoredPrediction]) -> PredictionScore | None:
    """These rows in three figures; None for no rows."""
    every = list(rows)
    if not every:
        return None
    return PredictionScore(
        n=len(every),
        mean_error=sum(abs(row.error) for row in every) / len(every),
        held=sum(row.held for row in every) / len(every),
    )


def _pruned(predictor: Predictor, point: Point, store: Store) -> ScoredPrediction | None:
    found = predictor.predict_unseen(point.schedule)
    if point.validation is not None:
        return _row(point, PRUNED, "validation", found, point.validation.accuracy)
    dense = _dense_on_test(point, store)
    if point.test is None or dense is None:
        return None
    row = _row(point, PRUNED, "test", found, point.test.accuracy)
    at = predictor.curves.dense.accuracy
    mean, low, high = (_moved(share, at, dense) for share in (row.predicted, row.low, row.high))
    return replace(row, predicted=mean, low=low, high=high)


def _tuned(predictor: Predictor, point: Point) -> ScoredPrediction | None:
    if point.tuned_validation is None:
        return None
    found = predictor.predict_tuned_unseen(point.schedule)
    return _row(point, TUNED, "validation", found, point.tuned_validation) if found is not None else None


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


def _dense_on_test(point: Point, store: Store) -> float | None:
    """The dense network's accuracy on test images, from the point's run."""
    record = store.get_record(point.record) if point.run else None
    return float(record.result["stages"]["dense"]["accuracy"]) if record is not None else None


def _moved(share: float, dense: float, other: float) -> float:
    """An accuracy moved from where the dense network has `dense` to where it has `other`, by the ratio of odds."""
    if not all(0 < each < 1 for each in (share, dense, other)):
        return share
    odds = share / (1 - share) * (other / (1 - other)) / (dense / (1 - dense))
    return odds / (1 + odds)


_SETTING = ("dense_sha256", "training_set", "method", "recalibrate", "calibration")
