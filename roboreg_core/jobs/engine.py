"""The engine: takes tasks, runs them one after another in worker processes, and keeps the store true.

What a page or a command calls here returns within milliseconds; the dispatcher's thread does the rest.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from dataclasses import replace

from roboreg_core.errors import JobError, StoreError
from roboreg_core.jobs.dask_cluster import LANES, WorkerInfo, check_main_guard
from roboreg_core.jobs.dispatcher import Dispatcher
from roboreg_core.jobs.request_queue import PendingRequest
from roboreg_core.jobs.task import Request, Task
from roboreg_core.store.owners import new_owner
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.store.row_mapping import now
from roboreg_core.store.store import Store

# How long a cancelled function may take to stop by itself before its worker is ended.
GRACE_SECONDS = 10.0
POLL_SECONDS = 0.05


class Engine:
    """Runs the jobs of one app; several engines, in several processes, may share a store.

    Args:
        store: where the truth is kept.
        scheduler: address of a running dask scheduler, `ROBOREG_SCHEDULER` where None; processes of this machine
            where neither is given.
        grace: seconds that a cancelled function may take to stop before its worker is ended.

    Raises:
        JobError: its workers would run the calling script again, see `cluster.check_main_guard`.
    """

    def __init__(self, store: Store, *, scheduler: str | None = None, grace: float = GRACE_SECONDS) -> None:
        self.store = store
        self.owner = new_owner()
        self.scheduler = scheduler or os.environ.get("ROBOREG_SCHEDULER") or None
        if self.scheduler is None:
            check_main_guard()
        self._dispatcher = Dispatcher(store, self.owner, scheduler=self.scheduler, grace=grace)
        self._lock = threading.Lock()
        self._closed = False

    def start(self, lane: str = "device") -> None:
        """Begin to start the worker of a lane, so that its first job need not wait for it."""
        self._check_open()
        self._dispatcher.prepare(_checked_lane(lane))

    def submit(self, task: Task) -> Job:
        """Queue a task and return its job.

        An unfinished job for the same key is returned instead of a second one. Where the record exists already nothing
        is run: the finished job that made it is returned or, where none did, a finished job that is not in the store.

        Raises:
            JobError: the lane or the function's name is malformed, or the engine is closed.
            StoreError: an artefact that it reads is not in the store.
        """
        self._check_open()
        _checked_lane(task.lane)
        _check_function(task.function)
        done = self._finished_job(task)
        if done is not None:
            return done
        mine = _new_job(task, self.owner)
        job = self.store.add_job(mine)
        if job.id == mine.id:
            self._dispatcher.enqueue(job)
        return job

    def ask(self, question: Request) -> PendingRequest:
        """Have a short function answered by a worker, without a job, a record or an event; returns at once.

        What the question's channel asked before is superseded: its function is told to stop, its answer dropped. A
        worker that dies is replaced and answers then. A question waits for no job of another lane, and is answered
        with half of the threads while a job is under way.

        Raises:
            JobError: the lane or the function's name is malformed, or the engine is closed.
        """
        self._check_open()
        _checked_lane(question.lane)
        _check_function(question.function)
        asked = PendingRequest(question)
        self._dispatcher.ask(question.channel, asked)
        return asked

    def withdraw(self, channel: str) -> None:
        """Let go of what a channel asked, where it is not answered yet."""
        if not self._closed:
            self._dispatcher.ask(channel, None)

    def cancel(self, job_id: str) -> None:
        """Cancel a job: a queued one never runs, a running one is asked to stop and made to after the grace time.

        Returns at once; the job's status tells when it has ended.

        Raises:
            JobError: it is unknown, has ended, or belongs to another running app.
        """
        job = self._known_job(job_id)
        if job.status.is_ended:
            raise JobError(f"job {job_id} is already {job.status}: nothing is left to cancel")
        if job.owner != self.owner:
            raise JobError(f"job {job_id} runs in another RoboReg ({job.owner}): cancel it there")
        self._dispatcher.cancel(job_id)

    def resume(self, job_id: str) -> Job:
        """Queue a failed, cancelled or interrupted job again; it goes on from its last saved state.

        Raises:
            JobError: it is unknown or in another status, its record exists, or another job is making it.
        """
        self._check_open()
        if self.store.get_record(self._known_job(job_id).key) is not None:
            raise JobError(f"the record that job {job_id} would make exists already: open it")
        try:
            job = self.store.claim_job(job_id, self.owner)
        except StoreError as error:
            raise JobError(str(error)) from error
        self._dispatcher.enqueue(job)
        return job

    def position(self, job_id: str) -> int | None:
        """How many of this engine's jobs are ahead of it in its lane, the running one included.

        0 where it is in a worker's hands or about to be, None where it is not in this engine's queue.
        """
        return self._dispatcher.position(job_id)

    def workers(self) -> list[WorkerInfo]:
        """The worker processes as seen about a second ago, with the job that each runs; [] before the first job."""
        return self._dispatcher.workers()

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """Wait until a job has ended and return it.

        Raises:
            JobError: it is unknown.
            TimeoutError: it has not ended within `timeout` seconds.
        """
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        job = self._known_job(job_id)
        while not job.status.is_ended:
            if time.monotonic() > deadline:
                raise TimeoutError(f"job {job_id} is still {job.status} after {timeout:g} s")
            time.sleep(POLL_SECONDS)
            job = self._known_job(job_id)
        return job

    def close(self) -> None:
        """End the workers; unfinished jobs become interrupted. Takes a few seconds at most; may be called twice."""
        with self._lock:
            already, self._closed = self._closed, True
        if not already:
            self._dispatcher.close()

    def _check_open(self) -> None:
        if self._closed:
            raise JobError("the engine is closed: make a new one")

    def _known_job(self, job_id: str) -> Job:
        job = self.store.get_job(job_id)
        if job is None:
            raise JobError(f"there is no job {job_id}: list the jobs to see their ids")
        return job

    def _finished_job(self, task: Task) -> Job | None:
        """A finished job where the task's record exists."""
        record = self.store.get_record(task.key)
        if record is None:
            return None
        made = (job for job in self.store.list_jobs() if job.key == task.key and job.status is JobStatus.FINISHED)
        stand_in = _new_job(task, None)
        return next(made, replace(stand_in, status=JobStatus.FINISHED, created=record.created, ended=record.created))


def _new_job(task: Task, owner: str | None) -> Job:
    return Job(id=uuid.uuid4().hex[:16], owner=owner, created=now(), **vars(task))


def _check_function(function: str) -> None:
    if not all(function.partition(":")):
        raise JobError(f"a task's function must be given as module:name, got {function!r}")


def _checked_lane(lane: str) -> str:
    if lane not in LANES:
        raise JobError(f"a task's lane must be one of {', '.join(LANES)}, got {lane!r}")
    return lane
