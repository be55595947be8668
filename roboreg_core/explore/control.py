"""Sweeps as jobs: started, stopped, resumed, extended, and how far they are.

A sweep's truth is its points in the store. Its jobs are only the way there: each stands for points that are missing,
and one that is gone is replaced by another for what is missing then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from roboreg_core.errors import JobError, SpecError, StoreError
from roboreg_core.explore.estimate import estimate_seconds
from roboreg_core.explore.execute import PartSpec, task_for
from roboreg_core.explore.kept import Sweep, binned_sweeps, find_sweep, missing, progress_of, sweeps
from roboreg_core.explore.spec import POINT, SWEEP, SWEEP_PART, SweepSpec, cut, renamed
from roboreg_core.runs.execute import task_for as run_task_for
from roboreg_core.runs.spec import KIND
from roboreg_core.schedule import Schedule
from roboreg_core.store.records import Job, JobStatus, Record
from roboreg_core.store.rows import now
from roboreg_core.store.saved_items import folded
from roboreg_core.store.store import Store

if TYPE_CHECKING:
    from roboreg_core.jobs.engine import Engine
    from roboreg_core.model.checkpoints import Checkpoint

# On a cluster: more than there are workers, so that a lost one costs little and none waits long for the last.
REMOTE_PARTS = 12
# Jobs that this process asked to end and that have not yet: their points are nobody's soon.
_STOPPING: set[str] = set()


class State(StrEnum):
    """Where a sweep stands; `stopped` is one that lacks points and that no job works on."""

    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETE = "complete"


@dataclass(frozen=True, kw_only=True)
class Status:
    """How far a sweep is.

    Attributes:
        state: see there.
        done, total: points that are measured, and all.
        remaining_seconds: until all are, on the workers that are at it; on one where none is.
        jobs: unfinished ones that measure its points, running ones first.
        error: why the newest of its jobs failed, where it is stopped and one did.
    """

    state: State
    done: int
    total: int
    remaining_seconds: float
    jobs: tuple[Job, ...] = ()
    error: str = ""


def keep(store: Store, spec: SweepSpec) -> Sweep:
    """Put a sweep into the store and return it; one with the same points and settings stands for itself.

    Raises:
        StoreError: another one has its name.
    """
    standing = next((each for each in sweeps(store) if each.id == spec.id), None)
    if standing is not None:
        return standing
    _refuse_taken(store, spec)
    return _put(store, spec)


def start(engine: Engine, spec: SweepSpec, checkpoint: Checkpoint) -> Sweep:
    """Keep a sweep and begin to measure what is missing; one that is there already goes on.

    Raises:
        StoreError: another one has its name.
        SpecError: `checkpoint` is not the sweep's dense network.
    """
    sweep = keep(engine.store, spec)
    resume(engine, sweep, checkpoint)
    return sweep


def resume(engine: Engine, sweep: Sweep, checkpoint: Checkpoint) -> list[Job]:
    """Begin to measure what no record holds and no job is at; return the jobs that do.

    Raises:
        JobError: it is being stopped right now.
        SpecError: `checkpoint` is not the sweep's dense network.
    """
    if checkpoint.sha256 != sweep.spec.dense_sha256:
        raise SpecError(
            f"sweep {sweep.name!r} is of the dense network {sweep.spec.dense_sha256[:12]}, got "
            f"{checkpoint.sha256[:12]}; take that one, or start another sweep"
        )
    if _stopping(engine.store, sweep):
        raise JobError(f"sweep {sweep.name!r} is still stopping: resume it in a few seconds")
    left = _unattended(engine.store, sweep)
    if sweep.spec.tuned:
        return _runs(engine, sweep.spec, left, checkpoint)
    _tidy(engine.store, sweep)
    digest = engine.store.artifacts.put(checkpoint.content)
    found = _parts(sweep, left, engine.store, remote=engine.scheduler is not None)
    return [_submit(engine, part, digest) for part in found]


def stop(engine: Engine, sweep: Sweep) -> None:
    """Cancel the sweep's jobs, queued and running; points that are measured stay. Returns at once.

    Raises:
        JobError: one of them belongs to another running app; the others are cancelled all the same.
    """
    refused = None
    for job in _own_jobs(engine.store, sweep)[::-1]:  # the last in the queue first, so that none begins meanwhile
        try:
            engine.cancel(job.id)
            _STOPPING.add(job.id)
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


def status(store: Store, sweep: Sweep) -> Status:
    """How far a sweep is and what is at it."""
    progress = progress_of(store, sweep)
    if progress.complete:
        return Status(state=State.COMPLETE, done=progress.done, total=progress.total, remaining_seconds=0.0)
    jobs = sorted(_jobs(store, sweep), key=lambda job: job.status is not JobStatus.RUNNING)
    running = [job for job in jobs if job.status is JobStatus.RUNNING]
    state = State.RUNNING if jobs else State.STOPPED
    if jobs and all(job.id in _STOPPING for job in jobs):
        state = State.STOPPING
    seconds = _remaining(store, sweep, running)
    return Status(
        state=state,
        done=progress.done,
        total=progress.total,
        remaining_seconds=seconds,
        jobs=tuple(jobs),
        error="" if jobs else _newest_error(store, sweep),
    )


def delete(store: Store, sweep: Sweep) -> None:
    """Move a sweep to the bin; its points stay, and other sweeps and analyses may use them.

    Raises:
        StoreError: it ships with the project, or jobs are still at it.
    """
    if _own_jobs(store, sweep):
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
    if not found:
        names = ", ".join(repr(each.name) for each in binned) or "none"
        raise StoreError(f"no deleted sweep is called {known!r}, and none's id begins so; deleted ones: {names}")
    store.restore_record(found[0].id)
    return _put(store, renamed(found[0].spec, _free_name(store, found[0])))


def _put(store: Store, spec: SweepSpec) -> Sweep:
    store.put_record(Record(kind=SWEEP, id=spec.id, created=now(), spec=spec.to_json(), result={}))
    return find_sweep(store, spec.id)


def _refuse_taken(store: Store, spec: SweepSpec) -> None:
    for other in sweeps(store):
        if folded(other.name) == folded(spec.name):
            raise StoreError(
                f"the name {spec.name!r} is taken by another sweep: choose another name, extend that one, or delete it"
            )


def _free_name(store: Store, sweep: Sweep) -> str:
    taken = {folded(each.name) for each in sweeps(store) if each.id != sweep.id}
    names = (sweep.name, *(f"{sweep.name} ({number})" for number in range(2, len(taken) + 3)))
    return next(name for name in names if folded(name) not in taken)


def _jobs(store: Store, sweep: Sweep) -> list[Job]:
    """The unfinished jobs, of this sweep or another, that measure points which this one lacks."""
    ids = {sweep.spec.record_id(*point) for point in missing(store, sweep.spec)}
    return [job for job in _active(store, sweep.spec) if ids.intersection(_ids(job))]


def _own_jobs(store: Store, sweep: Sweep) -> list[Job]:
    """The unfinished jobs that were started for this sweep, or for one in whose place it stands.

    Of runs those that make its points, whoever asked.
    """
    found = _jobs(store, sweep)
    others = {each.id for each in sweeps(store)} - {sweep.id}
    return found if sweep.spec.tuned else [job for job in found if job.spec["sweep"] not in others]


def _active(store: Store, spec: SweepSpec) -> list[Job]:
    """The unfinished jobs of the kind that a sweep has, oldest first."""
    kind = KIND if spec.tuned else SWEEP_PART
    return [job for job in store.list_jobs(kind)[::-1] if not job.status.is_ended]


def _ids(job: Job) -> list[str]:
    """The records that a job makes."""
    return [job.key] if job.kind == KIND else job.spec["ids"]


def _stopping(store: Store, sweep: Sweep) -> bool:
    """Whether a job that was asked to end is still at this sweep's points."""
    active = {job.id for job in _jobs(store, sweep)}
    return bool(active & _STOPPING)


def _unattended(store: Store, sweep: Sweep) -> list[tuple[Schedule, int]]:
    """The points that no record holds and no job is at."""
    attended = {record for job in _jobs(store, sweep) for record in _ids(job)}
    return [point for point in missing(store, sweep.spec) if sweep.spec.record_id(*point) not in attended]


def _parts(sweep: Sweep, points: Sequence[tuple[Schedule, int]], store: Store, *, remote: bool) -> list[PartSpec]:
    """Here one part a seed; on a cluster subtrees, so that several workers share them and a lost one costs only its."""
    spec = sweep.spec
    count = -(-REMOTE_PARTS // len(spec.seeds)) if remote else 1
    records = store.list_records(POINT)
    found = []
    for seed in spec.seeds:
        for schedules in cut((schedule for schedule, own in points if own == seed), count):
            part = PartSpec(
                sweep=sweep.id,
                setting=spec.setting(seed),
                schedules=tuple(schedules),
                test=spec.test,
                device=spec.device,
                go_on=remote,
                seconds=estimate_seconds(spec, records, only=[(schedule, seed) for schedule in schedules]),
            )
            found.append(part)
    return found


def _submit(engine: Engine, part: PartSpec, dense: str) -> Job:
    """Hand a part to the engine. A record of an earlier one for the same points says nothing: they are missing."""
    key = hashlib.sha256("\n".join([SWEEP_PART, str(part.test), *part.ids]).encode()).hexdigest()[:16]
    if engine.store.get_record(key) is not None:
        engine.store.delete_record(key)
    return engine.submit(task_for(part, key, dense))


def _runs(engine: Engine, spec: SweepSpec, points: Iterable[tuple[Schedule, int]], checkpoint: Checkpoint) -> list[Job]:
    """Queue the points' runs; one that was broken off goes on from its last epoch."""
    broken = {job.key: job for job in engine.store.list_jobs(KIND)[::-1] if job.status.can_resume}
    found = []
    for point in points:
        run = spec.run_spec(*point)
        if run.id in broken:
            _STOPPING.discard(broken[run.id].id)
            found.append(engine.resume(broken[run.id].id))
        else:
            found.append(engine.submit(run_task_for(run, checkpoint, engine.store)))
    return found


def _tidy(store: Store, sweep: Sweep) -> None:
    """Forget the ended jobs of the sweep's parts: others take their place."""
    for job in store.list_jobs(SWEEP_PART):
        if job.status.is_ended and job.spec["sweep"] == sweep.id:
            _STOPPING.discard(job.id)
            with suppress(StoreError):  # another process was quicker
                store.delete_job(job.id)


def _remaining(store: Store, sweep: Sweep, running: Sequence[Job]) -> float:
    """Seconds until all points are there: what the running jobs tell, and the others' shares of the estimate."""
    told = {job.id: job.progress.get("remaining_seconds") for job in running}
    mine = {record for job in running if told[job.id] is not None for record in _ids(job)}
    spec = sweep.spec
    others = [point for point in missing(store, spec) if spec.record_id(*point) not in mine]
    rest = estimate_seconds(spec, store.list_records(KIND if spec.tuned else POINT), only=others) if others else 0.0
    return (sum(_numbers(told.values())) + rest) / max(1, len(running))


def _numbers(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _newest_error(store: Store, sweep: Sweep) -> str:
    """Why the newest of the sweep's jobs failed or was interrupted; empty where it did not."""
    if sweep.spec.tuned:
        ids = {sweep.spec.record_id(*point) for point in missing(store, sweep.spec)}
        found = [job for job in store.list_jobs(KIND) if job.key in ids]
    else:
        found = [job for job in store.list_jobs(SWEEP_PART) if job.spec["sweep"] == sweep.id]
    return next((job.error or "" for job in found[:1]), "")
