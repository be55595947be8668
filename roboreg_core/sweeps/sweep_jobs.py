"""The jobs that measure a sweep's points: which they are, which are wanted."""

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
from roboreg_core.sweeps.spec import POINT, SWEEP_PART, SweepSpec, cut
from roboreg_core.sweeps.sweep_store import Sweep, missing, record_ids, sweeps
from roboreg_core.sweeps.time_estimate import estimate_seconds

if TYPE_CHECKING:
    from roboreg_core.jobs.engine import Engine
    from roboreg_core.models.checkpoints import Checkpoint

# On a cluster: more than there are workers, so that a lost one costs little and none waits long for the last.
REMOTE_PARTS = 12
# Jobs that this process asked to end and that have not yet: their points are nobody's soon. With each when the attempt
# began that is to end: one that is resumed by hand keeps its id.
STOPPING: dict[str, str | None] = {}


def jobs_at(store: Store, sweep: Sweep) -> list[Job]:
    """The unfinished jobs, of this sweep or another, that measure points which this one lacks."""
    ids = {sweep.spec.record_id(*point) for point in missing(store, sweep.spec)}
    return [job for job in _active(store, sweep.spec) if ids.intersection(makes(job))]


def own_jobs(store: Store, sweep: Sweep) -> list[Job]:
    """The unfinished jobs that were started for this sweep, or for one in whose place it stands.

    Of runs those that make its points, whoever asked.
    """
    found = jobs_at(store, sweep)
    others = {each.id for each in sweeps(store)} - {sweep.id}
    return found if sweep.spec.tuned else [job for job in found if job.spec["sweep"] not in others]


def _parts_of(store: Store, sweep: Sweep) -> list[Job]:
    """The jobs, ended or not, that were started for parts of this sweep or of one in whose place it stands."""
    others = {each.id for each in sweeps(store)} - {sweep.id}
    ids = record_ids(sweep.spec)
    return [
        job
        for job in store.list_jobs(SWEEP_PART)
        if job.spec["sweep"] == sweep.id or (job.spec["sweep"] not in others and not ids.isdisjoint(job.spec["ids"]))
    ]


def _active(store: Store, spec: SweepSpec) -> list[Job]:
    """The unfinished jobs of the kind that a sweep has, and that measure all that it asks for; oldest first."""
    found = []
    for job in store.list_jobs(KIND if spec.tuned else SWEEP_PART)[::-1]:
        if job.status.is_ended:
            STOPPING.pop(job.id, None)
        else:
            found.append(job)
    return found if spec.tuned else [job for job in found if job.spec["test"] or not spec.test]


def makes(job: Job) -> list[str]:
    """The records that a job makes."""
    return [job.key] if job.kind == KIND else job.spec["ids"]


def is_stopping(store: Store, sweep: Sweep) -> bool:
    """Whether a job that was asked to end is still at this sweep's points."""
    return any(stops(job) for job in jobs_at(store, sweep))


def stops(job: Job) -> bool:
    """Whether this process asked the attempt at a job that is under way to end."""
    return job.id in STOPPING and STOPPING[job.id] == job.started


def unattended(store: Store, sweep: Sweep) -> list[tuple[Schedule, int]]:
    """The points that no record holds and no job is at."""
    attended = {record for job in jobs_at(store, sweep) for record in makes(job)}
    return [point for point in missing(store, sweep.spec) if sweep.spec.record_id(*point) not in attended]


def parts(sweep: Sweep, points: Sequence[tuple[Schedule, int]], store: Store, *, remote: bool) -> list[PartSpec]:
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


def submit_part(engine: Engine, part: PartSpec, dense: str) -> Job:
    """Hand a part to the engine. A record of an earlier one for the same points says nothing: they are missing."""
    key = hashlib.sha256("\n".join([SWEEP_PART, str(part.test), *part.ids]).encode()).hexdigest()[:16]
    if engine.store.get_record(key) is not None:
        engine.store.delete_record(key)
    return engine.submit(task_for(part, key, dense))


def submit_runs(
    engine: Engine, spec: SweepSpec, points: Iterable[tuple[Schedule, int]], checkpoint: Checkpoint
) -> list[Job]:
    """Queue the points' runs; one that was broken off goes on from its last epoch."""
    broken = {job.key: job for job in engine.store.list_jobs(KIND)[::-1] if job.status.can_resume}
    found = []
    for point in points:
        run = spec.run_spec(*point)
        if run.id in broken:
            STOPPING.pop(broken[run.id].id, None)
            found.append(engine.resume(broken[run.id].id))
        else:
            found.append(engine.submit(run_task_for(run, checkpoint, engine.store)))
    return found


def tidy(store: Store, sweep: Sweep) -> None:
    """Forget the ended jobs of the sweep's parts: others take their place."""
    for job in _parts_of(store, sweep):
        if job.status.is_ended:
            STOPPING.pop(job.id, None)
            with suppress(StoreError):  # another process was quicker
                store.delete_job(job.id)


def newest_error(store: Store, sweep: Sweep) -> str:
    """Why the newest of the sweep's jobs failed or was interrupted; empty where it did not."""
    if sweep.spec.tuned:
        ids = {sweep.spec.record_id(*point) for point in missing(store, sweep.spec)}
        found = [job for job in store.list_jobs(KIND) if job.key in ids]
    else:
        found = _parts_of(store, sweep)
    return next((job.error or "" for job in found[:1]), "")
