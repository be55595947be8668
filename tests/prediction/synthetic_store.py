"""Synthetic points and runs in a store, under settings that no shipped record has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from roboreg_core.architecture import RESNET20
from roboreg_core.prediction.forecast import PredictionSettings
from roboreg_core.runs.spec import RunSpec
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from roboreg_core.sweeps.grid import Grid
from roboreg_core.sweeps.spec import point_record
from tests.charts.records import make_record
from tests.sweeps.synthetic_points import made, true_accuracy

RANDOM = Grid(kind="random", values=tuple((1, bound) for bound in RESNET20.bounds), n=60, seed=1).schedules()
# No shipped record has this number of calibration images.
CALIBRATION = 2_999
SETTINGS = PredictionSettings(
    dense_sha256="d" * 64,
    training_set="bundled",
    method="refit",
    recalibrate=False,
    calibration=CALIBRATION,
    preset="quick",
    epochs=3,
    learning_rate=0.02,
    batch_size=128,
)
RUNS = [presets()[name] for name in ("minimal", "three-quarters", "moderate", "quarter")]


def put_points(store: Store, schedules: Iterable[Schedule], settings: PredictionSettings = SETTINGS) -> None:
    """Store a synthetic point per schedule."""
    setting = {name: getattr(settings, name) for name in ("dense_sha256", "training_set", "calibration", "method")}
    for schedule in schedules:
        kind, identity, spec, result = point_record(replace(made(schedule), **setting))
        created = "2026-01-02T03:04:05+00:00"
        store.put_record(Record(kind=kind, id=identity, created=created, spec=spec, result=result))


def put_runs(store: Store, schedules: Iterable[Schedule] = RUNS, settings: PredictionSettings = SETTINGS) -> None:
    """Store a synthetic run per schedule; fine-tuning recovers half of the loss."""
    for schedule in schedules:
        right = round(1_000 * true_accuracy(schedule))
        record = make_record(schedule, rights=(930, right, right + (940 - right) // 2))
        spec = RunSpec.from_json(
            {**record.spec, "calibration": settings.calibration, "dense_sha256": settings.dense_sha256}
        )
        store.put_record(replace(record, id=spec.id, spec=spec.to_json()))
