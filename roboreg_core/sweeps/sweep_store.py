"""Sweeps and points in the store, including those measured by runs and those that ship with the project."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from roboreg_core.errors import RoboRegError, StoreError
from roboreg_core.runs.results import LISTED
from roboreg_core.runs.spec import KIND, METHOD_VERSION, RunSpec, method_version
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.names import folded
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from roboreg_core.sweeps.points import ClassCounts, Point, from_json
from roboreg_core.sweeps.spec import POINT, SWEEP, SweepSpec, setting_of, sweep_identity

# Parts of a run's result that make a point.
_RUN_PARTS = (
    "schedule",
    "stages.pruned.per_class",
    "stages.tuned.per_class",
    "history",
    "latency.final_batch_256.median",
    "pruning.seconds",
)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A sweep in the store.

    Attributes:
        id: id of its record.
        spec: its specification.
        created: UTC, ISO 8601.
        recorded: True for an example sweep.
    """

    id: str
    spec: SweepSpec
    created: str
    recorded: bool

    @property
    def name(self) -> str:
        """Name of the sweep, unique among sweeps."""
        return self.spec.name


@dataclass(frozen=True, kw_only=True)
class SweepProgress:
    """Number of a sweep's measured points (`done`), and of all its points (`total`)."""

    done: int
    total: int

    @property
    def complete(self) -> bool:
        """True if all points are measured."""
        return self.done == self.total


def points(
    store: Store, *, tuning: Mapping[str, Any] | None = None, tuned: bool | None = None, **setting: Any
) -> list[Point]:
    """All points of the current version of the method, one per schedule and prune settings, oldest first.

    Results right after pruning come from the point's own record, else from a run. Results after fine-tuning and the
    latency come from the newest run, which is then the point's `record`.

    Args:
        store: the store.
        tuning: required values of the fields in `runs.spec.TUNING`; runs fine-tuned otherwise are skipped.
        tuned: only points with (True) or without (False) results after fine-tuning; None for both.
        setting: required values of fields of `PruneSettings`, e.g. `dense_sha256="..."`, `seed=0`; None for any value.
    """
    found = _recorded_points(store)
    pruned = {each.id: each.point for each in found if each.run is None}
    runs = [each for each in found if each.run is not None and _matches(each.run, tuning or {})]
    merged = {**pruned, **_newest(runs, pruned)}
    required = {name: value for name, value in setting.items() if value is not None}
    matching = (each for each in merged.values() if tuned in (None, each.tuned_test is not None))
    return [each for each in matching if all(getattr(each, name) == value for name, value in required.items())]


def points_of(store: Store, sweep: Sweep) -> list[Point]:
    """The measured points of a sweep, in the sweep's order."""
    return list(_measured(store, sweep.spec).values())


def dense_points(store: Store, dense_sha256: str) -> list[Point]:
    """Points (under any prune settings) of the unpruned network whose weights have this SHA-256."""
    found = (each.point for each in _recorded_points(store) if each.run is None)
    return [point for point in found if point.schedule.is_dense and point.dense_sha256 == dense_sha256]


def missing(store: Store, spec: SweepSpec) -> list[tuple[Schedule, int]]:
    """The points of a sweep that are not measured, as (schedule, seed)."""
    measured = _measured(store, spec)
    return [point for point, _ in _record_ids(spec) if point not in measured]


def record_ids(spec: SweepSpec) -> set[str]:
    """Ids of the records of a sweep's points, measured or not."""
    return {record_id for _, record_id in _record_ids(spec)}


def progress_of(store: Store, sweep: Sweep) -> SweepProgress:
    """Number of measured points of a sweep, and of all its points."""
    return SweepProgress(done=len(_measured(store, sweep.spec)), total=len(_record_ids(sweep.spec)))


def sweeps(store: Store) -> list[Sweep]:
    """The sweeps of the current version of the method, newest first."""
    return store.list_parsed(_parse_sweep, SWEEP)


def timed_records(store: Store, *, tuned: bool) -> list[Record]:
    """Records that `time_estimate.estimate_seconds` takes speeds from, newest first: runs if `tuned`, else points."""
    return store.list_records(KIND, LISTED) if tuned else store.list_records(POINT)


def find_sweep(store: Store, known: str) -> Sweep:
    """Find the sweep whose name or id is `known`, or whose id begins with it.

    Raises `StoreError`: no sweep matches, or several.
    """
    every = sweeps(store)
    named = [each for each in every if folded(each.name) == folded(known)] or [
        each for each in every if each.id == known
    ]
    found = named or [each for each in every if known and each.id.startswith(known)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{each.name!r}" for each in every) or "none; start one with the verb sweep"
    problem = f"{len(found)} sweeps begin with" if found else "no sweep is called, or has an id that begins with,"
    raise StoreError(f"{problem} {known!r}; there are: {names}")


def deleted_sweeps(store: Store) -> list[Sweep]:
    """The deleted sweeps, last deleted first."""
    found = (_parse_sweep(each.record) for each in store.list_deleted(SWEEP))
    return [each for each in found if each is not None]


@dataclass(frozen=True, kw_only=True)
class _RecordedPoint:
    """A point read from a record; `id` is the point's, `run` the spec of the record if that is a run."""

    id: str
    point: Point
    run: RunSpec | None = None


def _measured(store: Store, spec: SweepSpec) -> dict[tuple[Schedule, int], Point]:
    """The measured points of a sweep by (schedule, seed)."""
    found = _recorded_points(store)
    pruned = {each.id: each.point for each in found if each.run is None}
    by_record = {each.point.record: each for each in found} if spec.tuned else {}
    measured: dict[tuple[Schedule, int], Point] = {}
    for key, record_id in _record_ids(spec):
        if spec.tuned:
            run = by_record.get(record_id)
            if run is not None:
                measured[key] = _merged(run.point, pruned.get(run.id))
        else:
            point = pruned.get(record_id)
            if point is not None and is_measured(point, test=spec.test):
                measured[key] = point
    return measured


@lru_cache(maxsize=16)
def _record_ids(spec: SweepSpec) -> tuple[tuple[tuple[Schedule, int], str], ...]:
    """A sweep's points with the ids of their records; cached, because 5,000 take 0.1 s."""
    return tuple((point, spec.record_id(*point)) for point in spec.points())


def is_measured(point: Point, *, test: bool) -> bool:
    """True if a point has results on validation images, and with `test` on test images too."""
    return point.validation is not None and (point.test is not None or not test)


def _newest(runs: Iterable[_RecordedPoint], pruned: dict[str, Point]) -> dict[str, Point]:
    """By point id the newest run's point, preferring runs with fine-tuning."""
    newest: dict[str, Point] = {}
    for each in runs:  # oldest first
        before = newest.get(each.id)
        if before is None or before.tuned_test is None or each.point.tuned_test is not None:
            newest[each.id] = _merged(each.point, pruned.get(each.id))
    return newest


def _merged(run: Point, point: Point | None) -> Point:
    """A run's point with the validation results after pruning from the point's own record, which runs lack."""
    if point is None:
        return run
    return replace(run, validation=point.validation, test=run.test or point.test, seconds=point.seconds)


def _matches(run: RunSpec, tuning: Mapping[str, Any]) -> bool:
    """True for a run without fine-tuning or with the required one."""
    return not run.epochs or all(getattr(run, name) == value for name, value in tuning.items())


def _recorded_points(store: Store) -> list[_RecordedPoint]:
    """All points, then all runs, of the current version of the method, oldest first."""
    points = store.list_parsed(from_point, POINT)
    return points[::-1] + store.list_parsed(_from_run, KIND, _RUN_PARTS)[::-1]


def from_point(record: Record) -> _RecordedPoint | None:
    """Read a point from its record; None if another version of the method measured it."""
    spec = dict(record.spec)
    if spec.pop("version", None) != METHOD_VERSION:
        return None
    return _RecordedPoint(id=record.id, point=from_json({**spec, **record.result, "record": record.id}))


def _from_run(record: Record) -> _RecordedPoint | None:
    """Read a run; None for another version of the method, and for runs that set single weights to zero."""
    if method_version(record) != METHOD_VERSION:
        return None
    run = RunSpec.from_json(record.spec)
    if run.weights() is not None:
        return None
    stages, history = record.result["stages"], record.result["history"]
    setting = setting_of(run)
    point = Point(
        schedule=run.schedule,
        kept=Schedule.from_json(record.result["schedule"], run.schedule.architecture),
        validation=None,
        test=_counts(stages["pruned"]),
        tuned_validation=history[-1].get("validation_accuracy") if history else None,
        tuned_test=_counts(stages["tuned"]) if "tuned" in stages else None,
        latency=record.result["latency"]["final_batch_256"]["median"],
        seconds=record.result["pruning"]["seconds"],
        record=record.id,
        run=True,
        **setting.to_json(),
    )
    return _RecordedPoint(id=setting.point_id(run.schedule), point=point, run=run)


def _counts(report: dict[str, Any]) -> ClassCounts:
    """Correct predictions per class from a report: recall times support."""
    rows = report["per_class"]
    images = tuple(row["support"] for row in rows)
    return ClassCounts(right=tuple(round(row["recall"] * row["support"]) for row in rows), images=images)


def _parse_sweep(record: Record) -> Sweep | None:
    """Read a sweep; None for one of another version of the code, which has other points."""
    try:
        spec = SweepSpec.from_json(record.spec)
    except (RoboRegError, KeyError, TypeError):
        return None
    if sweep_identity(record.spec) != record.id:
        return None
    return Sweep(id=record.id, spec=spec, created=record.created, recorded=record.recorded)
