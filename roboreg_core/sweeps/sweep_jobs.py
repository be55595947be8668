"""The jobs that measure a sweep's points."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from roboreg_core.errors import StoreError
from roboreg_core.runs.execute import task_for as run_task_for
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.records import Job
from roboreg_core.store.store import Store
from roboreg_core.sweeps.execute import PartSpec, task_for
from roboreg_core.sweeps.spec import POINT, SWEEP_PART, SweepSpec, split_by_prefix
from roboreg_core.sweeps.sweep_store import Sweep, missing, record_ids, sweeps

if TYPE_CHECKING:
    from roboreg_core.jobs.engine import Engine
    from roboreg_core.models.checkpoints import Checkpoint

# Parts on a cluster: more than workers, so that a lost worker costs little and the load is balanced.
REMOTE_PARTS = 12
# Jobs that this process cancelled and that have not ended -> start of the cancelled attempt, since a job that is
# resumed keeps its id.
STOPPING: dict[str, str | None] = {}


def unfinished_jobs(store: Store, sweep: Sweep) -> list[Job]:
    """The unfinished jobs of any sweep that measure missing points of this one."""
    ids = {sweep.spec.record_id(*point) for point in missing(store, sweep.spec)}
    return [job for job in _active(store, sweep.spec) if ids.intersection(record_ids_of(job))]


def jobs_of(store: Store, sweep: Sweep) -> list[Job]:
    """The unfinished jobs that were started for this sweep or for one that it replaced, see `control.extend`.

    For a sweep with fine-tuning: all unfinished runs among its points.
    """
    found = unfinished_jobs(store, sweep)
    others = {each.id for each in sweeps(store)} - {sweep.id}
    return found if sweep.spec.tuned else [job for job in found if job.spec["sweep"] not in others]


def _parts_of(store: Store, sweep: Sweep) -> list[Job]:
    """The jobs, ended or not, for parts of this sweep or of one that it replaced."""
    others = {each.id for each in sweeps(store)} - {sweep.id}
    ids = record_ids(sweep.spec)
    return [
        job
        for job in store.list_jobs(SWEEP_PART)
        if job.spec["sweep"] == sweep.id or (job.spec["sweep"] not in others and not ids.isdisjoint(job.spec["ids"]))
    ]


def _active(store: Store, spec: SweepSpec) -> list[Job]:
    """The unfinished jobs that may measure a sweep's points completely, oldest first."""
    for job_id in list(STOPPING):
        job = store.get_job(job_id)
        if job is not None and job.status.is_ended:
            STOPPING.pop(job_id, None)
    found = store.list_jobs(KIND if spec.tuned else SWEEP_PART, ended=False)[::-1]
    return found if spec.tuned else [job for job in found if job.spec["test"] or not spec.test]


def record_ids_of(job: Job) -> list[str]:
    """Ids of the records that a job creates: one per schedule, or that of the run."""
    return [job.key] if job.kind == KIND else job.spec["ids"]


def is_stopping(store: Store, sweep: Sweep) -> bool:
    """True while a job that was cancelled still measures points of this sweep."""
    return any(is_cancelled(job) for job in unfinished_jobs(store, sweep))


def is_cancelled(job: Job) -> bool:
    """True if this process asked the current attempt at a job to stop."""
    return job.id in STOPPING and STOPPING[job.id] == job.started


def unassigned_points(store: Store, sweep: Sweep) -> list[tuple[Schedule, int]]:
    """The missing points, as (schedule, seed), that no unfinished job measures."""
    assigned = {record_id for job in unfinished_jobs(store, sweep) for record_id in record_ids_of(job)}
    return [point for point in missing(store, sweep.spec) if sweep.spec.record_id(*point) not in assigned]


def parts(sweep: Sweep, points: Sequence[tuple[Schedule, int]], store: Store, *, remote: bool) -> list[PartSpec]:
    """Divide points (schedule, seed) of a sweep into parts, a job each: one per seed.

    With `remote`, for a cluster, about `REMOTE_PARTS` in all, so that several workers measure at once. The durations
    of earlier points in `store` give the parts their time estimates.
    """
    count = -(-REMOTE_PARTS // len(sweep.spec.seeds)) if remote else 1
    records = store.list_records(POINT)
    return [
        PartSpec.of(sweep.spec, seed, schedules, records, go_on=remote)
        for seed in sweep.spec.seeds
        for schedules in split_by_prefix((schedule for schedule, each in points if each == seed), count)
    ]


def submit_part(engine: Engine, part: PartSpec, dense: str) -> Job:
    """Queue a part; the record of an earlier part with the same points is deleted first.

    `dense` is the SHA-256 of the dense network's artefact.
    """
    key = hashlib.sha256("\n".join([SWEEP_PART, str(part.test), *part.ids]).encode()).hexdigest()[:16]
    if engine.store.get_record(key) is not None:
        engine.store.delete_record(key)
    return engine.submit(task_for(part, key, dense))


def submit_runs(
    engine: Engine, spec: SweepSpec, points: Iterable[tuple[Schedule, int]], checkpoint: Checkpoint
) -> list[Job]:
    """Queue the runs that measure these points of a sweep; an interrupted run resumes from its last epoch."""
    resumable = {job.key: job for job in engine.store.list_jobs(KIND)[::-1] if job.status.can_resume}
    found = []
    for point in points:
        run = spec.run_spec(*point)
        if run.id in resumable:
            STOPPING.pop(resumable[run.id].id, None)
            found.append(engine.resume(resumable[run.id].id))
        else:
            found.append(engine.submit(run_task_for(run, checkpoint, engine.store)))
    return found


def delete_ended_jobs(store: Store, sweep: Sweep) -> None:
    """Delete the ended jobs that measured parts of the sweep."""
    for job in _parts_of(store, sweep):
        if job.status.is_ended:
            STOPPING.pop(job.id, None)
            with suppress(StoreError):  # already deleted by another process
                store.delete_job(job.id)


def newest_error(store: Store, sweep: Sweep) -> str:
    """Error message of the sweep's newest job, empty if it did not fail."""
    if sweep.spec.tuned:
        ids = {sweep.spec.record_id(*point) for point in missing(store, sweep.spec)}
        found = [job for job in store.list_jobs(KIND) if job.key in ids]
    else:
        found = _parts_of(store, sweep)
    return next((job.error or "" for job in found[:1]), "")
