"""Small sweeps, and points and runs that were not measured."""

from __future__ import annotations

from typing import Any

from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.runs.spec import RunSpec
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from roboreg_core.sweeps.grid import STAGES, Grid
from roboreg_core.sweeps.points import ClassCounts, Point
from roboreg_core.sweeps.spec import SweepSpec, point_record, sweep_for

GRID = Grid(kind=STAGES, values=((2, 4), (4, 8), (8, 16)))


def sweep_of(dense: Checkpoint, grid: Grid = GRID, name: str = "small", **settings: Any) -> SweepSpec:
    return sweep_for(name, grid, dense, "bundled", **{"method": "l1", "calibration": 20, **settings})


def seen(right: int, images: int = 100) -> ClassCounts:
    return ClassCounts(right=(right,) * 10, images=(images,) * 10)


def point_of(sweep: SweepSpec, schedule: Schedule, seed: int = 0, right: int = 50, **more: Any) -> Point:
    """A point as if measured; `right` of 100 images a class on validation, one fewer on test images."""
    setting = sweep.setting(seed).to_json()
    measured = {"validation": seen(right), "test": seen(right - 1) if sweep.test else None, **more}
    return Point(schedule=schedule, kept=schedule, **setting, **measured)


def put_point(store: Store, point: Point, created: str = "2026-01-01T00:00:00+00:00") -> None:
    kind, record_id, spec, result = point_record(point)
    store.put_record(Record(kind=kind, id=record_id, created=created, spec=spec, result=result))


def put_run(store: Store, spec: RunSpec, *, tuned: int = 0, created: str = "2026-01-02T00:00:00+00:00") -> None:
    """A finished run as if made: of each class 40 test images right when pruned, `tuned` when fine-tuned."""
    stages = {"dense": _report(90), "pruned": _report(40)}
    history = [{"epoch": 1, "validation_accuracy": 0.1}, {"epoch": 2, "validation_accuracy": 0.75}] if tuned else []
    result = {
        "schedule": spec.schedule.to_json(),
        "stages": {**stages, "tuned": _report(tuned)} if tuned else stages,
        "history": history,
        "latency": {"final_batch_256": {"median": 0.25}},
        "pruning": {"seconds": 2.0},
    }
    store.put_record(Record(kind="run", id=spec.id, created=created, spec=spec.to_json(), result=result))


def _report(right: int) -> dict[str, Any]:
    return {"accuracy": right / 100, "per_class": [{"recall": right / 100, "support": 100}] * 10}
