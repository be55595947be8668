"""Work that faults interrupt: started and resumed on the app's pages, with the figures that must not change."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.faults.campaign import Lost, Setting, Wrong, wait_for
from benchmarks.faults.session import Session, opened
from roboreg_core import paths
from roboreg_core.networks.spec import NETWORK
from roboreg_core.runs.spec import KIND
from roboreg_core.search.spec import SEARCH
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.store.store import Store
from roboreg_core.sweeps.spec import POINT, SWEEP_PART
from roboreg_core.ui import keys

TRAIN_IMAGES, TEST_IMAGES = 2_300, 500
EPOCHS = 3
# Generous: a loaded machine takes many times as long.
FINISH_SECONDS = 900.0
RESUMES = 4
# Values that differ between two executions of the same work.
VOLATILE = frozenset({"seconds", "latency", "speed", "timed", "measured", "environment"})
SCHEDULE = "2,2,2,2,2,2,2,2,3"
STAGES = {
    "prune": "pruning",
    "tune": "fine-tuning",
    "sweep": "measuring",
    "search": "measuring",
    "measure": "evaluating",
    **dict.fromkeys(("dense", "pruned", "tuned"), "evaluating"),
}
BEFORE, AFTER = "before its begin", "after its end"
UPLOADED = paths.others() / "best-90-seed0.safetensors"


@dataclass(frozen=True, kw_only=True)
class Work:
    """A kind of work.

    Attributes:
        name: for reports.
        kind: of its jobs.
        records: kind of the records with its figures.
        start: starts it on a page.
        resume: resumes its interrupted job on a page.
    """

    name: str
    kind: str
    records: str
    start: Callable[[Session], None]
    resume: Callable[[Session, Job], None]

    def job(self, store: Store) -> Job | None:
        """The newest job."""
        return next(iter(store.list_jobs(self.kind)), None)

    def figures(self, store: Store) -> dict[str, Any]:
        """The figures of all its records by id; reads all artefacts. Raises `StoreError`: one is damaged."""
        found = {record.id: record.result for record in store.list_records(self.records)}
        for result in found.values():
            for sha in (result.get("artifacts") or {}).values():
                store.artifacts.get(sha)
        return dict(json.loads(json.dumps(_without_volatile(found))))


def _without_volatile(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_volatile(each) for name, each in value.items() if name not in VOLATILE}
    return [_without_volatile(each) for each in value] if isinstance(value, list) else value


def _start_run(session: Session) -> None:
    session.open(f"design?s={SCHEDULE}&{keys.EPOCHS}={EPOCHS}")
    session.click(keys.START)


def _start_sweep(session: Session) -> None:
    session.open("explore?sweep-stage-1=2&sweep-stage-2=2-3&sweep-stage-3=2-5")
    session.click(keys.SWEEP_START)


def _resume_sweep(session: Session, job: Job) -> None:
    session.open("explore")
    session.click(keys.of("resume", job.spec["sweep"]))


def _start_search(session: Session) -> None:
    session.open(f"explore?{keys.EXPLORE_TAB}=Search&{keys.TRIALS}=6&{keys.limit('macs')}=10")
    session.click(keys.REFINE)


def _start_upload(session: Session) -> None:
    session.open("train")
    session.page.locator(f".st-key-{keys.TRAIN_UPLOAD_PART} input[type=file]").set_input_files(UPLOADED)
    session.click(keys.TRAIN_UPLOAD)


def _resume_on_jobs(session: Session, job: Job) -> None:
    session.open("jobs")
    session.click(keys.of("resume", job.id))


WORKS = (
    Work(name="run", kind=KIND, records=KIND, start=_start_run, resume=_resume_on_jobs),
    Work(name="sweep", kind=SWEEP_PART, records=POINT, start=_start_sweep, resume=_resume_sweep),
    Work(
        name="search",
        kind=SEARCH,
        records=SEARCH,
        start=_start_search,
        resume=lambda session, job: _start_search(session),
    ),
    Work(name="upload", kind=NETWORK, records=NETWORK, start=_start_upload, resume=_resume_on_jobs),
)
RUN, UPLOAD = WORKS[0], WORKS[3]


def works(setting: Setting) -> tuple[Work, ...]:
    """The works that faults interrupt in turn; the short ones where quick."""
    return (RUN, UPLOAD) if setting.quick else WORKS


def delete_work(session: Session) -> None:
    """Delete all records and jobs, so that the same work can be done again."""
    for record in session.store.list_records():
        session.store.delete_record(record.id)
    for job in session.store.list_jobs():
        session.store.delete_job(job.id)


def begin(session: Session, work: Work) -> None:
    """Delete earlier work, start this work and wait until a worker began it. Raises `Lost` where none does."""
    delete_work(session)
    work.start(session)
    wait_for(lambda: _has_begun(work.job(session.store)), FINISH_SECONDS, "the job did not begin")


def stage(session: Session, work: Work) -> str:
    """The stage that the work's job is in, for reports."""
    job = work.job(session.store)
    if job is None or not job.progress:
        return BEFORE
    return AFTER if job.status.is_ended else STAGES.get(job.progress.get("stage", ""), "other stages")


def finish(session: Session, work: Work, reference: dict[str, Any]) -> None:
    """Wait for the work's end, resuming it where it was interrupted, and compare its figures.

    Raises:
        Lost: it does not finish, or cannot be resumed.
        Wrong: its figures differ from the reference, or a check failed.
    """
    for _ in range(RESUMES):
        if is_finished(session, work, reference):
            compare(work.figures(session.store), reference["figures"])
            session.check()
            return
        go_on(session, work)
    job = work.job(session.store)
    raise Lost(f"the job was resumed {RESUMES} times without finishing: {job.error if job else 'no job'}")


def is_finished(session: Session, work: Work, reference: dict[str, Any]) -> bool:
    """Wait until no job of the work is unfinished; return True if all its records exist."""
    wait_for(lambda: _has_ended(session, work), FINISH_SECONDS, f"the {work.name} did not end")
    job = work.job(session.store)
    is_complete = work.figures(session.store).keys() >= reference["figures"].keys()
    if job is not None and job.status is JobStatus.FINISHED and not is_complete:
        raise Lost("the job is finished, but its record is missing")
    return is_complete


def go_on(session: Session, work: Work) -> None:
    """Resume the work, or start it where its start was lost, and wait until a worker began it."""
    before = work.job(session.store)
    if before is None:
        work.start(session)
    elif not before.status.can_resume:
        raise Lost(f"the job is {before.status} and cannot be resumed")
    else:
        work.resume(session, before)
    wait_for(lambda: _has_begun(work.job(session.store), before), FINISH_SECONDS, "the job did not begin")


def _has_begun(job: Job | None, before: Job | None = None) -> bool:
    if job is None or (before is not None and job.id == before.id and job.ended == before.ended):
        return False
    return job.status.is_ended or (job.status is JobStatus.RUNNING and bool(job.progress))


def _has_ended(session: Session, work: Work) -> bool:
    if session.server.process.poll() is not None:
        raise Lost(f"the app ended by itself with status {session.server.process.returncode}")
    job = work.job(session.store)
    return job is None or job.status.is_ended


def compare(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raise `Wrong` naming the first figure that differs."""
    if found != wanted:
        raise Wrong(f"the figures must equal those without faults, {_difference(found, wanted)}")


def _difference(found: Any, wanted: Any, place: str = "") -> str:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for name in [*wanted, *found]:
            if found.get(name) != wanted.get(name):
                return _difference(found.get(name), wanted.get(name), f"{place}.{name}")
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
            if one != other:
                return _difference(one, other, f"{place}[{number}]")
    return f"{place} is {str(found)[:100]} and not {str(wanted)[:100]}"


def measure_references(setting: Setting) -> None:
    """Execute each work once without faults; write its figures and seconds to `references.json`."""
    found = {}
    with opened(setting, "references") as session:
        for work in works(setting):
            begin(session, work)
            started = time.monotonic()
            wait_for(partial(_has_ended, session, work), FINISH_SECONDS, f"the {work.name} did not end")
            job = work.job(session.store)
            if job is None or job.status is not JobStatus.FINISHED:
                raise Lost(f"the {work.name} did not finish without any fault: {job.error if job else 'no job'}")
            found[work.name] = {"seconds": time.monotonic() - started, "figures": work.figures(session.store)}
            session.check()
    (setting.folder / "references.json").write_text(json.dumps(found))
