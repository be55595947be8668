"""Sweeps as jobs: started, stopped, resumed, extended, and how far they are.

A sweep's truth is its points in the store. Its jobs are only the way there: each stands for points that are missing,
and one that is gone is replaced by another for what is missing then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from roboreg_core.errors import JobError, SpecError, StoreError
from roboreg_core.runs.spec import KIND
from roboreg_core.store.names import folded, free_name
from roboreg_core.store.records import Job, JobStatus, Record
from roboreg_core.store.row_mapping import now
from roboreg_core.store.store import Store
from roboreg_core.sweeps.spec import POINT, SWEEP, SweepSpec, point_record, renamed
from roboreg_core.sweeps.sweep_jobs import (
    STOPPING,
    is_stopping,
    jobs_at,
    makes,
    newest_error,
    own_jobs,
    parts,
    stops,
    submit_part,
    submit_runs,
    tidy,
    unattended,
)
from roboreg_core.sweeps.sweep_store import (
    Sweep,
    binned_sweeps,
    dense_points,
    enough,
    find_sweep,
    missing,
    progress_of,
    sweeps,
)
from roboreg_core.sweeps.time_estimate import estimate_seconds

if TYPE_CHECKING:
    from roboreg_core.jobs.engine import Engine
    from roboreg_core.models.checkpoints import Checkpoint


class SweepState(StrEnum):
    """Where a sweep stands; `stopped` is one that lacks points and that no job works on."""

    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETE = "complete"


@dataclass(frozen=True, kw_only=True)
class SweepStatus:
    """How far a sweep is.

    Attributes:
        state: see there.
        done, total: points that are measured, and all.
        remaining_seconds: until all are, on the workers that are at it; on one where none is.
        jobs: unfinished ones that measure its points, running ones first.
        error: why the newest of its jobs failed, where it is stopped and one did.
    """

    state: SweepState
    done: int
    total: int
    remaining_seconds: float
    jobs: tuple[Job, ...] = ()
    error: str = ""


def keep(store: Store, spec: SweepSpec) -> Sweep:
    """Put a sweep into the store and return it; one with the same points and settings stands for itself.

    The dense network's point is recorded at once where its accuracy is known from another setting.

    Raises:
        StoreError: another one has its name.
    """
    sweep = next((each for each in sweeps(store) if each.id == spec.id), None)
    if sweep is None:
        _refuse_taken(store, spec)
        sweep = _put(store, spec)
    if not spec.tuned:
        _reuse_dense(store, spec)
    return sweep


def _reuse_dense(store: Store, spec: SweepSpec) -> None:
    """Record the dense network's missing points: its accuracy depends on its weights alone, not on how others prune."""
    lacking = [point for point in missing(store, spec) if point[0].is_dense]
    known = (point for point in dense_points(store, spec.dense_sha256) if enough(point, test=spec.test))
    found = next(known, None) if lacking else None
    if found is not None:
        for _, seed in lacking:
            kind, record, asked, result = point_record(replace(found, **spec.setting(seed).to_json(), seconds=0.0))
            store.complete_record(Record(kind=kind, id=record, created=now(), spec=asked, result=result))


def start(engine: Engine, spec: SweepSpec, checkpoint: Checkpoint) -> Sweep:
    """Keep a sweep and begin to measure what is missing; one that is there already goes on.

    Raises:
        StoreError: another one has its name.
        SpecError: `checkpoint` is not the sweep's dense network.
    """
    check_network(spec, checkpoint)
    sweep = keep(engine.store, spec)
    resume(engine, sweep, checkpoint)
    return sweep


def resume(engine: Engine, sweep: Sweep, checkpoint: Checkpoint) -> list[Job]:
    """Begin to measure what no record holds and no job is at; return the jobs that do.

    Raises:
        JobError: it is being stopped right now.
        SpecError: `checkpoint` is not the sweep's dense network.
    """
    check_network(sweep.spec, checkpoint)
    if is_stopping(engine.store, sweep):
        raise JobError(f"sweep {sweep.name!r} is still stopping: resume it in a few seconds")
    left = unattended(engine.store, sweep)
    if sweep.spec.tuned:
        return submit_runs(engine, sweep.spec, left, checkpoint)
    tidy(engine.store, sweep)
    digest = engine.store.artifacts.put(checkpoint.content)
    found = parts(sweep, left, engine.store, remote=engine.scheduler is not None)
    return [submit_part(engine, part, digest) for part in found]


def stop(engine: Engine, sweep: Sweep) -> None:
    """Cancel the sweep's jobs, queued and running; points that are measured stay. Returns at once.

    Raises:
        JobError: one of them belongs to another running app; the others are cancelled all the same.
    """
    refused = None
    for job in own_jobs(engine.store, sweep)[::-1]:  # the last in the queue first, so that none begins meanwhile
        try:
            engine.cancel(job.id)
            STOPPING[job.id] = job.started
        except JobError as error:
            current = engine.store.get_job(job.id)
            if current is not None and not current.status.is_ended:
                refused = error
    if refused is not None:
        raise refused


def extend(engine: Engine, sweep: Sweep, wider: SweepSpec, checkpoint: Checkpoint) -> Sweep:
    """Put a sweep with more points in the place of one with the same settings, under its name, and begin.

    What is measured already is not measured again, and jobs under way go on; the narrower sweep goes to the bin.

    Raises:
        SpecError: a setting differs, or points of the sweep are missing from the wider one.
        StoreError: the sweep ships with the project.
    """
    store, wider = engine.store, renamed(wider, sweep.name)
    check_wider(sweep.spec, wider)
    if wider.id == sweep.id:
        resume(engine, sweep, checkpoint)
        return sweep
    if sweep.recorded:
        raise StoreError(f"sweep {sweep.name!r} ships with the project: start the wider one under another name")
    store.bin_record(sweep.id)
    return start(engine, wider, checkpoint)


def check_wider(spec: SweepSpec, wider: SweepSpec) -> None:
    """Raise `SpecError` unless `wider` holds all points of `spec` under the same settings."""
    mine, theirs = spec.to_json(), wider.to_json()
    free = {"name", "grid", "seeds", "dense", "device"}
    other = [name for name, value in mine.items() if name not in free and theirs[name] != value]
    if other:
        raise SpecError(
            f"an extended sweep must keep its settings, got another {', '.join(other)}; start a sweep of its own"
        )
    lost = set(spec.points()) - set(wider.points())
    if lost:
        raise SpecError(
            f"an extended sweep must hold all its {len(spec.points())} points, got {len(lost)} fewer; widen the grid, "
            "or start a sweep of its own"
        )


def status(store: Store, sweep: Sweep) -> SweepStatus:
    """How far a sweep is and what is at it."""
    progress = progress_of(store, sweep)
    if progress.complete:
        return SweepStatus(state=SweepState.COMPLETE, done=progress.done, total=progress.total, remaining_seconds=0.0)
    jobs = sorted(jobs_at(store, sweep), key=lambda job: job.status is not JobStatus.RUNNING)
    running = [job for job in jobs if job.status is JobStatus.RUNNING]
    state = SweepState.RUNNING if jobs else SweepState.STOPPED
    if jobs and all(map(stops, jobs)):
        state = SweepState.STOPPING
    seconds = _remaining(store, sweep, running)
    return SweepStatus(
        state=state,
        done=progress.done,
        total=progress.total,
        remaining_seconds=seconds,
        jobs=tuple(jobs),
        error="" if jobs else newest_error(store, sweep),
    )


def rename(store: Store, sweep: Sweep, name: str) -> Sweep:
    """Give a sweep another name; return it.

    Raises:
        SpecError: the name is empty, too long, or holds what cannot be shown.
        StoreError: the sweep ships with the project, or another one has the name.
    """
    if sweep.recorded:
        raise StoreError(f"sweep {sweep.name!r} ships with the project and keeps its name: rename one of your own")
    spec = renamed(sweep.spec, name)
    _refuse_taken(store, spec)
    return _put(store, spec, sweep.created)


def delete(store: Store, sweep: Sweep) -> None:
    """Move a sweep to the bin; its points stay, and other sweeps and analyses may use them.

    Raises:
        StoreError: it ships with the project, or jobs are still at it.
    """
    if own_jobs(store, sweep):
        raise StoreError(f"sweep {sweep.name!r} is running: stop it first, then delete it")
    store.bin_record(sweep.id)


def restore(store: Store, known: str) -> Sweep:
    """Bring a sweep back from the bin, by name or id; a name that is taken meanwhile gets ` (2)` behind it.

    Raises:
        StoreError: no such one is there.
    """
    binned = binned_sweeps(store)
    found = [each for each in binned if folded(each.name) == folded(known)]
    found = found or [each for each in binned if known and each.id.startswith(known)]
    if len({each.id for each in found}) > 1:
        ids = ", ".join(each.id for each in found)
        raise StoreError(f"{len(found)} deleted sweeps are called {known!r} or begin so ({ids}): give one's id")
    if not found:
        names = ", ".join(repr(each.name) for each in binned) or "none"
        raise StoreError(f"no deleted sweep is called {known!r}, and none's id begins so; deleted ones: {names}")
    store.restore_record(found[0].id)
    return _put(store, renamed(found[0].spec, _free_name(store, found[0])), found[0].created)


def check_network(spec: SweepSpec, checkpoint: Checkpoint) -> None:
    """Raise `SpecError` unless `checkpoint` is the sweep's dense network."""
    if checkpoint.sha256 != spec.dense_sha256:
        raise SpecError(
            f"sweep {spec.name!r} is of the dense network {spec.dense_sha256[:12]}, got {checkpoint.sha256[:12]}; "
            "take that one, or start another sweep"
        )


def _put(store: Store, spec: SweepSpec, created: str = "") -> Sweep:
    store.put_record(Record(kind=SWEEP, id=spec.id, created=created or now(), spec=spec.to_json(), result={}))
    return find_sweep(store, spec.id)


def _refuse_taken(store: Store, spec: SweepSpec) -> None:
    for other in sweeps(store):
        if other.id != spec.id and folded(other.name) == folded(spec.name):
            raise StoreError(
                f"the name {spec.name!r} is taken by another sweep: choose another name, extend that one, or delete it"
            )


def _free_name(store: Store, sweep: Sweep) -> str:
    taken = {folded(each.name) for each in sweeps(store) if each.id != sweep.id}
    return free_name(sweep.name, taken.__contains__)


def _remaining(store: Store, sweep: Sweep, running: Sequence[Job]) -> float:
    """Seconds until all points are there: what the running jobs tell, and the others' shares of the estimate."""
    told = {job.id: job.progress.get("remaining_seconds") for job in running}
    mine = {record for job in running if told[job.id] is not None for record in makes(job)}
    spec = sweep.spec
    others = [point for point in missing(store, spec) if spec.record_id(*point) not in mine]
    rest = estimate_seconds(spec, store.list_records(KIND if spec.tuned else POINT), only=others) if others else 0.0
    return (sum(_numbers(told.values())) + rest) / max(1, len(running))


def _numbers(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
