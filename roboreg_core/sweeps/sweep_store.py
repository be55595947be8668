"""Sweeps and points read from the store: own ones, those that ship with the project, and what runs measured."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from roboreg_core.errors import RoboRegError, StoreError
from roboreg_core.runs.spec import KIND, METHOD_VERSION, RunSpec, method_version
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.names import folded
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from roboreg_core.sweeps.points import ClassCounts, Point, from_json
from roboreg_core.sweeps.spec import POINT, SWEEP, SweepSpec, setting_of, sweep_identity

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A sweep in the store.

    Attributes:
        id: of its record.
        spec: what was asked.
        created: UTC, ISO 8601.
        recorded: whether it ships with the project.
    """

    id: str
    spec: SweepSpec
    created: str
    recorded: bool

    @property
    def name(self) -> str:
        """What it is called."""
        return self.spec.name


@dataclass(frozen=True, kw_only=True)
class SweepProgress:
    """How many of a sweep's points are measured."""

    done: int
    total: int

    @property
    def complete(self) -> bool:
        """Whether all are."""
        return self.done == self.total


def points(
    store: Store, *, tuning: Mapping[str, Any] | None = None, tuned: bool | None = None, **setting: Any
) -> list[Point]:
    """Every point known of the newest version of the method, one for each schedule and setting, oldest first.

    What was measured right after pruning comes from the point's own record, else from a run; what was measured after
    fine-tuning, and the latency, from the newest run. Such a point's `record` is that run.

    Args:
        store: own and shipped records.
        tuning: values that fields of `runs.spec.TUNING` must have; runs that were fine-tuned otherwise are passed over.
        tuned: only those with (True) or without (False) figures after fine-tuning.
        setting: values that fields of `spec.PruneSettings` must have, e.g. `dense_sha256="..."`, `seed=0`.
    """
    found = _known(store)
    own = {each.id: each.point for each in found if each.run is None}
    runs = [each for each in found if each.run is not None and _alike(each.run, tuning or {})]
    whole = {**own, **_best(runs, own)}
    return [each for each in whole.values() if _fits(each, setting) and tuned in (None, each.tuned_test is not None)]


def points_of(store: Store, sweep: Sweep) -> list[Point]:
    """Those points of a sweep that are measured, in the sweep's order."""
    return list(_measured(store, sweep.spec).values())


def dense_points(store: Store, dense_sha256: str) -> list[Point]:
    """The points at which a dense network was measured as it is, under whatever setting."""
    own = (each.point for each in _known(store) if each.run is None)
    return [point for point in own if point.schedule.is_dense and point.dense_sha256 == dense_sha256]


def missing(store: Store, spec: SweepSpec) -> list[tuple[Schedule, int]]:
    """The points of a sweep that nobody has measured, as schedule and seed."""
    there = _measured(store, spec)
    return [where for where, _ in _places(spec) if where not in there]


def record_ids(spec: SweepSpec) -> set[str]:
    """The ids of the records that its points are, measured or not."""
    return {record for _, record in _places(spec)}


def progress_of(store: Store, sweep: Sweep) -> SweepProgress:
    """How far a sweep is."""
    return SweepProgress(done=len(_measured(store, sweep.spec)), total=len(_places(sweep.spec)))


def sweeps(store: Store) -> list[Sweep]:
    """The standing sweeps of the newest version of the method, newest first."""
    return _kept_of(store).sweeps.of(store.list_records(SWEEP))


def find_sweep(store: Store, known: str) -> Sweep:
    """The sweep of that name, or whose id is, or alone begins with, `known`.

    Raises:
        StoreError: there is none, or several.
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


def binned_sweeps(store: Store) -> list[Sweep]:
    """The sweeps in the bin, last one first."""
    found = (_sweep(each.record) for each in store.list_binned(SWEEP))
    return [each for each in found if each is not None]


@dataclass(frozen=True, kw_only=True)
class _RecordedPoint:
    """What one record holds; `id` is of the point, `run` what the record's run was asked for."""

    id: str
    point: Point
    run: RunSpec | None = None


def _measured(store: Store, spec: SweepSpec) -> dict[tuple[Schedule, int], Point]:
    """The points that a sweep has, by schedule and seed."""
    found = _known(store)
    own = {each.id: each.point for each in found if each.run is None}
    by_record = {each.point.record: each for each in found} if spec.tuned else {}
    there: dict[tuple[Schedule, int], Point] = {}
    for where, record in _places(spec):
        if spec.tuned:
            run = by_record.get(record)
            if run is not None:
                there[where] = _joined(run.point, own.get(run.id))
        else:
            point = own.get(record)
            if point is not None and enough(point, test=spec.test):
                there[where] = point
    return there


@lru_cache(maxsize=16)
def _places(spec: SweepSpec) -> tuple[tuple[tuple[Schedule, int], str], ...]:
    """A sweep's points with their records' ids; kept, because 5,000 take a tenth of a second."""
    return tuple((where, spec.record_id(*where)) for where in spec.points())


def enough(point: Point, *, test: bool) -> bool:
    """Whether a point was measured on all that a sweep asks for."""
    return point.validation is not None and (point.test is not None or not test)


def _best(runs: Iterable[_RecordedPoint], own: dict[str, Point]) -> dict[str, Point]:
    """For each setting the newest run's point, a fine-tuned one before one that is only pruned."""
    best: dict[str, Point] = {}
    for each in runs:  # oldest first
        standing = best.get(each.id)
        if standing is None or standing.tuned_test is None or each.point.tuned_test is not None:
            best[each.id] = _joined(each.point, own.get(each.id))
    return best


def _joined(run: Point, point: Point | None) -> Point:
    """A run's point with what its setting's own record adds: validation images, which runs leave out when pruned."""
    if point is None:
        return run
    return replace(run, validation=point.validation, test=run.test or point.test, seconds=point.seconds)


def _alike(run: RunSpec, tuning: Mapping[str, Any]) -> bool:
    """Whether a run is without fine-tuning, or has the one that is asked for."""
    return not run.epochs or all(getattr(run, name) == value for name, value in tuning.items())


def _fits(point: Point, setting: dict[str, Any]) -> bool:
    return all(getattr(point, name) == value for name, value in setting.items() if value is not None)


class _ParsedRecords(Generic[Value]):
    """What was read from records, which never change: another one with the same id is another object."""

    def __init__(self, parse: Callable[[Record], Value | None]) -> None:
        self._parse = parse
        self._lock = threading.Lock()
        self._read: dict[str, tuple[Record, Value | None]] = {}

    def of(self, records: list[Record]) -> list[Value]:
        """What these hold that can be used, in their order."""
        with self._lock:
            before, self._read = self._read, {}
            for record in records:
                kept = before.get(record.id)
                self._read[record.id] = (
                    kept if kept is not None and kept[0] is record else (record, self._parse(record))
                )
            return [value for _, value in self._read.values() if value is not None]


class _StoreCache:
    """What is kept of a store between two looks at it."""

    def __init__(self) -> None:
        self.known = _ParsedRecords(_parsed)
        self.sweeps = _ParsedRecords(_sweep)


_KEPT: WeakKeyDictionary[Store, _StoreCache] = WeakKeyDictionary()
_KEPT_LOCK = threading.Lock()


def _kept_of(store: Store) -> _StoreCache:
    with _KEPT_LOCK:
        return _KEPT.setdefault(store, _StoreCache())


def _known(store: Store) -> list[_RecordedPoint]:
    """All points and runs of the newest version, oldest first."""
    records = [each for each in store.list_records() if each.kind in (POINT, KIND)]
    return _kept_of(store).known.of(records[::-1])


def _parsed(record: Record) -> _RecordedPoint | None:
    """What a record holds; None for one of another version, or of single weights, which keeps all filters."""
    if record.kind == POINT:
        return _of_point(record)
    if method_version(record) != METHOD_VERSION:
        return None
    run = RunSpec.from_json(record.spec)
    return _of_run(record, run) if run.weights() is None else None


def _of_point(record: Record) -> _RecordedPoint | None:
    spec = dict(record.spec)
    if spec.pop("version", None) != METHOD_VERSION:
        return None
    return _RecordedPoint(id=record.id, point=from_json({**spec, **record.result, "record": record.id}))


def _of_run(record: Record, run: RunSpec) -> _RecordedPoint:
    stages, history = record.result["stages"], record.result["history"]
    setting = setting_of(run)
    point = Point(
        schedule=run.schedule,
        kept=Schedule.from_json(record.result["schedule"]),
        validation=None,
        test=_seen(stages["pruned"]),
        tuned_validation=history[-1].get("validation_accuracy") if history else None,
        tuned_test=_seen(stages["tuned"]) if "tuned" in stages else None,
        latency=record.result["latency"]["final_batch_256"]["median"],
        seconds=record.result["pruning"]["seconds"],
        record=record.id,
        run=True,
        **setting.to_json(),
    )
    return _RecordedPoint(id=setting.point_id(run.schedule), point=point, run=run)


def _seen(report: dict[str, Any]) -> ClassCounts:
    """A report's right counts: a class's recall times its images."""
    rows = report["per_class"]
    images = tuple(row["support"] for row in rows)
    return ClassCounts(right=tuple(round(row["recall"] * row["support"]) for row in rows), images=images)


def _sweep(record: Record) -> Sweep | None:
    """The sweep in a record; None where another version of the code made it, whose points are others."""
    try:
        spec = SweepSpec.from_json(record.spec)
    except (RoboRegError, KeyError, TypeError):
        return None
    if sweep_identity(record.spec) != record.id:
        return None
    return Sweep(id=record.id, spec=spec, created=record.created, recorded=record.recorded)
