"""Control of sweeps as jobs: start, stop, resume, extend, rename, delete, status.

The state of a sweep is the set of its points in the store. Its jobs measure missing points and can be replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from roboreg_core.errors import JobError, SpecError, StoreError
from roboreg_core.runs.local import record_writer
from roboreg_core.store.names import folded, free_name
from roboreg_core.store.records import Job, JobStatus, Record
from roboreg_core.store.row_mapping import now
from roboreg_core.store.store import Store
from roboreg_core.sweeps import sweep_jobs, sweep_store
from roboreg_core.sweeps.spec import SWEEP, SweepSpec, point_record
from roboreg_core.sweeps.sweep_store import Sweep, find_sweep, missing, sweeps, timed_records
from roboreg_core.sweeps.time_estimate import estimate_seconds

if TYPE_CHECKING:
    from roboreg_core.jobs.engine import Engine
    from roboreg_core.models.checkpoints import Checkpoint


class SweepState(StrEnum):
    """State of a sweep; `stopped` means that points are missing and no job measures them."""

    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETE = "complete"


@dataclass(frozen=True, kw_only=True)
class SweepStatus:
    """Status of a sweep.

    Attributes:
        state: see `SweepState`.
        done, total: number of measured points, and of all points.
        remaining_seconds: estimated seconds with the workers that run its jobs, or with one worker.
        jobs: unfinished jobs that measure its points, running ones first.
        error: error of the newest job of a stopped sweep, else empty.
    """

    state: SweepState
    done: int
    total: int
    remaining_seconds: float
    jobs: tuple[Job, ...] = ()
    error: str = ""


def keep(store: Store, spec: SweepSpec) -> Sweep:
    """Store a sweep, unless one with the same points and settings exists, and return the stored one.

    Points of the dense schedule are copied from other prune settings, which do not affect its accuracy.

    Raises `StoreError`: a sweep with other points or settings is already called `spec.name`.
    """
    sweep = next((each for each in sweeps(store) if each.id == spec.id), None)
    if sweep is None:
        _refuse_taken(store, spec)
        sweep = _put(store, spec)
    if not spec.tuned:
        _reuse_dense(store, spec)
    return sweep


def _reuse_dense(store: Store, spec: SweepSpec) -> None:
    """Record the dense network's missing points: its accuracy is independent of the prune settings."""
    seeds = [seed for schedule, seed in missing(store, spec) if schedule.is_dense]
    known = sweep_store.dense_points(store, spec.dense_sha256) if seeds else []
    found = next((point for point in known if sweep_store.is_measured(point, test=spec.test)), None)
    if found is not None:
        put = record_writer(store)
        for seed in seeds:
            put(*point_record(replace(found, **spec.setting(seed).to_json(), seconds=0.0)))


def start(engine: Engine, spec: SweepSpec, checkpoint: Checkpoint) -> Sweep:
    """Store a sweep, unless it exists, and queue jobs for its missing points.

    Raises `StoreError`: a sweep with other points or settings is already called `spec.name`; `SpecError`: `checkpoint`
    is not the sweep's dense network.
    """
    check_network(spec, checkpoint)
    sweep = keep(engine.store, spec)
    resume(engine, sweep, checkpoint)
    return sweep


def resume(engine: Engine, sweep: Sweep, checkpoint: Checkpoint) -> list[Job]:
    """Queue and return jobs for the missing points that no job measures.

    Raises `JobError`: the sweep is stopping; `SpecError`: `checkpoint` is not the sweep's dense network.
    """
    check_network(sweep.spec, checkpoint)
    if sweep_jobs.is_stopping(engine.store, sweep):
        raise JobError(f"sweep {sweep.name!r} is still stopping: resume it in a few seconds")
    left = sweep_jobs.unassigned_points(engine.store, sweep)
    if sweep.spec.tuned:
        return sweep_jobs.submit_runs(engine, sweep.spec, left, checkpoint)
    sweep_jobs.delete_ended_jobs(engine.store, sweep)
    digest = engine.store.artifacts.put(checkpoint.content)
    found = sweep_jobs.parts(sweep, left, engine.store, remote=engine.scheduler is not None)
    return [sweep_jobs.submit_part(engine, part, digest) for part in found]


def stop(engine: Engine, sweep: Sweep) -> None:
    """Cancel the sweep's queued and running jobs without waiting for them; measured points stay.

    Raises `JobError`: a job belongs to another running app; the others are cancelled.
    """
    refused = None
    for job in sweep_jobs.jobs_of(engine.store, sweep)[::-1]:  # last in the queue first, so that none starts meanwhile
        try:
            engine.cancel(job.id)
            sweep_jobs.STOPPING[job.id] = job.started
        except JobError as error:
            current = engine.store.get_job(job.id)
            if current is not None and not current.status.is_ended:
                refused = error
    if refused is not None:
        raise refused


def extend(engine: Engine, sweep: Sweep, wider: SweepSpec, checkpoint: Checkpoint) -> Sweep:
    """Replace a sweep by `wider`, which has more points and the same settings, under the same name, and start it.

    Measured points are reused and unfinished jobs continue; the narrower sweep is deleted.

    Raises `SpecError`: a setting differs, or the wider sweep lacks points of the narrower one; `StoreError`:
    `sweep` is an example.
    """
    store, wider = engine.store, replace(wider, name=sweep.name)
    check_wider(sweep.spec, wider)
    if wider.id == sweep.id:
        resume(engine, sweep, checkpoint)
        return sweep
    if sweep.recorded:
        raise StoreError(f"sweep {sweep.name!r} is an example: start the wider one under another name")
    store.soft_delete_record(sweep.id)
    return start(engine, wider, checkpoint)


def check_wider(spec: SweepSpec, wider: SweepSpec) -> None:
    """Check that `wider` has all points of `spec`. Raises `SpecError`: a setting differs, or a point is missing."""
    old, new = spec.to_json(), wider.to_json()
    free = {"name", "grid", "seeds", "dense", "device"}
    other = [name for name, value in old.items() if name not in free and new[name] != value]
    if other:
        raise SpecError(f"an extended sweep must keep its settings, got another {', '.join(other)}: start a new sweep")
    lost = set(spec.points()) - set(wider.points())
    if lost:
        raise SpecError(
            f"an extended sweep must contain all its {len(spec.points())} points, got {len(lost)} fewer: widen the "
            "grid, or start a new sweep"
        )


def status(store: Store, sweep: Sweep) -> SweepStatus:
    """State of a sweep, number of measured points, and the jobs that measure them."""
    progress = sweep_store.progress_of(store, sweep)
    if progress.complete:
        return SweepStatus(state=SweepState.COMPLETE, done=progress.done, total=progress.total, remaining_seconds=0.0)
    jobs = sorted(sweep_jobs.unfinished_jobs(store, sweep), key=lambda job: job.status is not JobStatus.RUNNING)
    running = [job for job in jobs if job.status is JobStatus.RUNNING]
    state = SweepState.RUNNING if jobs else SweepState.STOPPED
    if jobs and all(map(sweep_jobs.is_cancelled, jobs)):
        state = SweepState.STOPPING
    return SweepStatus(
        state=state,
        done=progress.done,
        total=progress.total,
        remaining_seconds=_remaining(store, sweep, running),
        jobs=tuple(jobs),
        error="" if jobs else sweep_jobs.newest_error(store, sweep),
    )


def rename(store: Store, sweep: Sweep, name: str) -> Sweep:
    """Rename a sweep and return it.

    Raises `SpecError`: the name is empty, too long, or contains control characters; `StoreError`: it is an
    example sweep, or another sweep has the name.
    """
    if sweep.recorded:
        raise StoreError(f"sweep {sweep.name!r} is an example and keeps its name: rename one of your sweeps")
    spec = replace(sweep.spec, name=name)
    _refuse_taken(store, spec)
    return _put(store, spec, sweep.created)


def delete(store: Store, sweep: Sweep) -> None:
    """Delete a sweep; its points stay for other sweeps and analyses, and `restore` undoes the deletion.

    Raises `StoreError`: it is an example sweep, or has unfinished jobs.
    """
    if sweep_jobs.jobs_of(store, sweep):
        raise StoreError(f"sweep {sweep.name!r} is running: stop it first, then delete it")
    store.soft_delete_record(sweep.id)


def restore(store: Store, known: str) -> Sweep:
    """Restore the deleted sweep whose name is `known`, or whose id begins with it.

    If another sweep has taken the name meanwhile, ` (2)` is appended.

    Raises `StoreError`: no deleted sweep matches, or several.
    """
    deleted = sweep_store.deleted_sweeps(store)
    found = [each for each in deleted if folded(each.name) == folded(known)]
    found = found or [each for each in deleted if known and each.id.startswith(known)]
    if len({each.id for each in found}) > 1:
        ids = ", ".join(each.id for each in found)
        raise StoreError(f"{len(found)} deleted sweeps are called {known!r} or begin with it ({ids}): give an id")
    if not found:
        names = ", ".join(repr(each.name) for each in deleted) or "none"
        raise StoreError(f"no deleted sweep is called {known!r} or has an id that begins with it; deleted: {names}")
    sweep = found[0]
    taken = {folded(each.name) for each in sweeps(store) if each.id != sweep.id}
    store.restore_record(sweep.id)
    return _put(store, replace(sweep.spec, name=free_name(sweep.name, taken.__contains__)), sweep.created)


def check_network(spec: SweepSpec, checkpoint: Checkpoint) -> None:
    """Check that `checkpoint` is the sweep's dense network. Raises `SpecError`: it is another one."""
    if checkpoint.sha256 != spec.dense_sha256:
        raise SpecError(
            f"sweep {spec.name!r} uses the dense network {spec.dense_sha256[:12]}, got {checkpoint.sha256[:12]}; "
            "use that network, or start another sweep"
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


def _remaining(store: Store, sweep: Sweep, running: Sequence[Job]) -> float:
    """Remaining seconds: reported by the running jobs, and estimated for all other missing points."""
    spec = sweep.spec
    reporting = [job for job in running if job.progress.get("remaining_seconds") is not None]
    covered = {record_id for job in reporting for record_id in sweep_jobs.record_ids_of(job)}
    others = [point for point in missing(store, spec) if spec.record_id(*point) not in covered]
    rest = estimate_seconds(spec, timed_records(store, tuned=spec.tuned), only=others) if others else 0.0
    return (sum(job.progress["remaining_seconds"] for job in reporting) + rest) / max(1, len(running))
