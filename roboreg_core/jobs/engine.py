"""The job engine: runs tasks in worker processes and updates the store.

Calls return within milliseconds; the dispatcher's thread does the work.
"""

import os
import threading
import time
import uuid
from dataclasses import replace

from roboreg_core.errors import JobError, StoreError
from roboreg_core.jobs.dask_cluster import LANES, WorkerInfo, check_address, check_main_guard
from roboreg_core.jobs.dispatcher import Dispatcher
from roboreg_core.jobs.request_queue import PendingRequest
from roboreg_core.jobs.task import Request, Task
from roboreg_core.store.owners import new_owner
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.store.row_mapping import now
from roboreg_core.store.store import Store

# Time for a cancelled function to stop before its worker is killed.
GRACE_SECONDS = 10.0
POLL_SECONDS = 0.05


class Engine:
    """Runs the jobs of one app; several engines in several processes may share a store.

    Args:
        store: holds jobs and records.
        scheduler: address of a dask scheduler, by default that in `ROBOREG_SCHEDULER`; without either, worker
            processes are started on this machine.
        grace: seconds for a cancelled function to stop before its worker is killed.

    Raises `JobError`: the calling script has no main guard, see `dask_cluster.check_main_guard`, or the connection to
        the scheduler would not be encrypted, see `dask_cluster.check_address`.
    """

    def __init__(self, store: Store, *, scheduler: str | None = None, grace: float = GRACE_SECONDS) -> None:
        self.store = store
        self.owner = new_owner()
        self.scheduler = scheduler or os.environ.get("ROBOREG_SCHEDULER") or None
        if self.scheduler is None:
            check_main_guard()
        else:
            check_address(self.scheduler)
        self._dispatcher = Dispatcher(store, self.owner, scheduler=self.scheduler, grace=grace)
        self._lock = threading.Lock()
        self._closed = False

    def start(self, lane: str = "device") -> None:
        """Start the worker of a lane (kind of worker, `device` or `light`) ahead of its first job."""
        self._check_open()
        _check_lane(lane)
        self._dispatcher.prepare(lane)

    def submit(self, task: Task) -> Job:
        """Queue a task and return its job.

        If an unfinished job makes the same record, that job is returned. If the record exists, nothing is run: the
        finished job that made it is returned, or, if that was deleted, a substitute that is not in the store.

        Raises `JobError`: the lane or the function's name is invalid, or the engine is closed; `StoreError`: an input
        artefact is missing.
        """
        self._check(task)
        done = self._finished_job(task)
        if done is not None:
            return done
        new = replace(_new_job(task, self.owner), author=self.store.author())
        job = self.store.add_job(new)
        if job.id == new.id:
            self._dispatcher.enqueue(job)
        return job

    def request(self, request: Request) -> PendingRequest:
        """Submit a request: a short call of a function by a worker, without a job, a record or an event.

        It supersedes the pending request of the same channel, whose function is stopped. It is repeated if the worker
        dies. It does not wait for jobs of other lanes, and uses half of the threads while a job runs.

        Raises:
            AccessError: the visitor may not start anything.
            JobError: the lane or the function's name is invalid, or the engine is closed.
        """
        self.store.author()
        self._check(request)
        pending = PendingRequest(request)
        self._dispatcher.put_request(request.channel, pending)
        return pending

    def withdraw(self, channel: str) -> None:
        """Withdraw the pending request of a caller's channel, if there is one."""
        if not self._closed:
            self._dispatcher.put_request(channel, None)

    def cancel(self, job_id: str) -> None:
        """Cancel a job without waiting for its end; a running one is stopped, and killed after the grace period.

        Raises:
            AccessError: the visitor may not cancel anything.
            JobError: it is unknown, has ended, or belongs to another running app.
        """
        self.store.author()
        job = self._known_job(job_id)
        if job.status.is_ended:
            raise JobError(f"job {job_id} is already {job.status}: nothing is left to cancel")
        if job.owner != self.owner:
            raise JobError(f"job {job_id} runs in another RoboReg process ({job.owner}): cancel it there")
        self._dispatcher.cancel(job_id)

    def resume(self, job_id: str) -> Job:
        """Queue a failed, cancelled or interrupted job again; it resumes from its last saved state.

        Raises `JobError`: it is unknown or has another status, its record exists, or another job is making it.
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
        """Number of this engine's jobs ahead of a job in its lane, including the running one.

        0 for a job that was sent to a worker, None for a job that is not in this engine's queue.
        """
        return self._dispatcher.position(job_id)

    def workers(self) -> list[WorkerInfo]:
        """The worker processes, as of about a second ago; [] before the first job."""
        return self._dispatcher.workers()

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """Wait until a job has ended and return it.

        Raises `JobError`: it is unknown; `TimeoutError`: it has not ended after `timeout` seconds.
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
        """End the workers; unfinished jobs become interrupted. Takes a few seconds at most."""
        with self._lock:
            already, self._closed = self._closed, True
        if not already:
            self._dispatcher.close()

    def _check_open(self) -> None:
        if self._closed:
            raise JobError("the engine is closed: make a new one")

    def _check(self, work: Task | Request) -> None:
        self._check_open()
        _check_lane(work.lane)
        if not all(work.function.partition(":")):
            raise JobError(f"a task's function must be given as module:name, got {work.function!r}")

    def _known_job(self, job_id: str) -> Job:
        job = self.store.get_job(job_id)
        if job is None:
            raise JobError(f"there is no job {job_id}: list the jobs to see their ids")
        return job

    def _finished_job(self, task: Task) -> Job | None:
        """A finished job if the task's record exists."""
        record = self.store.get_record(task.key)
        if record is None:
            return None
        made = (job for job in self.store.list_jobs(key=task.key) if job.status is JobStatus.FINISHED)
        stand_in = _new_job(task, None)
        return next(made, replace(stand_in, status=JobStatus.FINISHED, created=record.created, ended=record.created))


def _new_job(task: Task, owner: str | None) -> Job:
    return Job(id=uuid.uuid4().hex[:16], owner=owner, created=now(), **vars(task))


def _check_lane(lane: str) -> None:
    if lane not in LANES:
        raise JobError(f"a task's lane must be one of {', '.join(LANES)}, got {lane!r}")
