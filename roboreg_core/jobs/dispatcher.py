"""The dispatcher: a thread that communicates with the cluster and updates the jobs of one engine in the store.

It holds the queue and sends a job only to a free worker of its lane, so that a worker's death affects one job only.
"""

import atexit
import logging
import queue
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from roboreg_core.errors import RoboRegError, StoreError
from roboreg_core.jobs.attempt import CONNECTION_LOST, Attempt, keep_record
from roboreg_core.jobs.dask_cluster import LANES, Connection, WorkerInfo, connect, in_thread, threads
from roboreg_core.jobs.request_queue import PendingRequest, RequestQueue
from roboreg_core.jobs.worker import one_line
from roboreg_core.store.job_store import APP_ENDED
from roboreg_core.store.owners import process_lives, same_process
from roboreg_core.store.records import RESTORE_DAYS, Job, JobStatus
from roboreg_core.store.row_mapping import DamagedRowError, now
from roboreg_core.store.store import Store

TICK_SECONDS = 0.25
BEAT_SECONDS = 5.0
# Interval between collections of garbage; the first is at the start.
COLLECT_SECONDS = 86_400.0
# An owner in another place, e.g. a container that shares the folder, is considered dead without a heartbeat for this
# long.
SILENCE_SECONDS = 60.0
# Waiting time for a lane without a worker after which an event is stored, and after which a local cluster is given up.
MISSING_SECONDS = 10.0
GIVE_UP_SECONDS = 90.0
NO_WORKER = "no worker process could be started for the lane {lane}: see the log of the app, then resume the job"

log = logging.getLogger(__name__)

_live: set[str] = set()  # the owners of the open engines in this process


class Dispatcher:
    """Thread that runs the jobs of one engine: a queue per lane (kind of worker), and the running attempts."""

    def __init__(self, store: Store, owner: str, *, scheduler: str | None, grace: float) -> None:
        """Prepare the dispatcher; its thread starts when it is first used.

        Args:
            store: holds the jobs.
            owner: identifies the engine in the jobs of the store.
            scheduler: address of a dask scheduler; None to start worker processes on this machine.
            grace: seconds for a cancelled function to stop before its worker is killed.
        """
        self._store = store
        self._owner = owner
        self._scheduler = scheduler
        self._grace = grace
        self._lock = threading.Lock()
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._waiting: dict[str, deque[str]] = {lane: deque() for lane in LANES}
        self._attempts: dict[str, Attempt] = {}
        self._requests = RequestQueue()
        self._connection: Connection | None = None
        self._connecting: threading.Thread | None = None
        self._lanes: list[str] = []
        self._workers: list[WorkerInfo] = []
        self._due: dict[str, float] = {}
        self._last_error = ""
        self._thread: threading.Thread | None = None
        self._ended = False
        _live.add(owner)
        self._survive(self._beat)

    # Called from any thread.

    def prepare(self, lane: str) -> None:
        """Start the worker of a lane ahead of its first job."""
        self._run_soon(partial(self._prepare, lane))

    def enqueue(self, job: Job) -> None:
        """Put a queued job at the end of its lane's queue."""
        with self._lock:
            self._waiting[job.lane].append(job.id)
        self._run_soon(lambda: None)

    def cancel(self, job_id: str) -> None:
        """Remove a waiting job, or stop a running one."""
        self._run_soon(partial(self._cancel, job_id))

    def put_request(self, channel: str, pending: PendingRequest | None) -> None:
        """Replace the pending request of a caller's `channel`; None withdraws it."""
        self._requests.put(channel, pending)
        self._run_soon(lambda: None)

    def position(self, job_id: str) -> int | None:
        """Number of jobs ahead of a job in its lane; 0 if a worker has it, None if it is not in a queue."""
        with self._lock:
            if job_id in self._attempts:
                return 0
            for lane, waiting in self._waiting.items():
                if job_id in waiting:
                    return waiting.index(job_id) + self._running(lane)
        return None

    def workers(self) -> list[WorkerInfo]:
        """The worker processes, each with the id of the job that it runs; [] before the first job."""
        with self._lock:
            running = {attempt.address: attempt.job.id for attempt in self._attempts.values()}
            return [replace(worker, job=running.get(worker.address)) for worker in self._workers]

    def close(self) -> None:
        """Interrupt unfinished jobs, and end the worker processes and this thread."""
        connecting = self._connecting
        if connecting is not None:
            connecting.join(timeout=30)
        if self._thread is not None:
            self._inbox.put(self._shut)
            self._thread.join(timeout=30)
        _live.discard(self._owner)

    def _run_soon(self, action: Callable[[], None]) -> None:
        """Pass an action to the thread, which is started with the first one."""
        with self._lock:
            if self._thread is None:
                self._thread = in_thread(self._loop, "roboreg-jobs")
        self._inbox.put(action)

    # Called from the thread only.

    def _loop(self) -> None:
        while not self._ended:
            busy = bool(self._attempts) or any(self._waiting.values()) or not self._requests.is_empty
            with suppress(queue.Empty):
                self._survive(self._inbox.get(timeout=TICK_SECONDS if busy else BEAT_SECONDS))
            self._poll()
            self._survive(self._dispatch)

    def _survive(self, step: Callable[[], None]) -> None:
        """Run a step and log its exceptions, repeated ones once; the next tick tries again."""
        try:
            step()
        except Exception as error:
            message = one_line(error)
            if message != self._last_error:
                log.error("%s", message, exc_info=not isinstance(error, RoboRegError))
            self._last_error = message

    def _dispatch(self) -> None:
        """Send waiting jobs to free workers, oldest first; then requests."""
        for lane, waiting in self._waiting.items():
            if waiting:
                self._prepare(lane)
            while waiting and self._connection is not None and self._running(lane) < self._slots(lane):
                self._send(waiting[0])
        for lane in self._requests.lanes():
            self._prepare(lane)
        if self._connection is not None:
            count = None if self._scheduler else threads(alone=not self._attempts)
            self._requests.send(self._connection, self._free, count, wake=lambda: self._inbox.put(lambda: None))

    def _free(self, lane: str) -> int:
        return self._slots(lane) - self._running(lane) - self._requests.running(lane)

    def _prepare(self, lane: str) -> None:
        if lane not in self._lanes:
            self._lanes.append(lane)
        if self._connection is not None:
            self._connection.open_lane(lane)
        elif self._connecting is None:
            self._connecting = in_thread(partial(self._connect, lane), "roboreg-connect")

    def _connect(self, lane: str) -> None:
        """Connect; runs in a separate thread, because the first worker takes seconds."""
        try:
            connection = connect(
                self._scheduler, lane, lambda message: self._inbox.put(partial(self._on_message, message))
            )
        except Exception as error:
            self._inbox.put(partial(self._not_connected, one_line(error)))
        else:
            # Registered after dask's import, so that this runs before dask's exit handlers.
            atexit.register(_close_at_exit, weakref.ref(self))
            self._inbox.put(partial(self._connected, connection))

    def _connected(self, connection: Connection) -> None:
        self._connection, self._connecting = connection, None
        for lane in self._lanes:
            connection.open_lane(lane)

    def _not_connected(self, reason: str) -> None:
        self._connecting = None
        self._drop_all(JobStatus.INTERRUPTED if self._scheduler else JobStatus.FAILED, reason)

    def _send(self, job_id: str) -> None:
        """Send a waiting job to the cluster."""
        assert self._connection is not None
        try:
            job = self._store.get_job(job_id)
        except DamagedRowError:
            self._drop_waiting(job_id)
            raise
        wanted = job is not None and job.status is JobStatus.QUEUED and job.owner == self._owner
        if job is None or not wanted:
            self._drop_waiting(job_id)
            return
        attempt = Attempt(self._store, self._connection, job, grace=self._grace)
        with self._lock:
            self._waiting[job.lane].remove(job_id)
            self._attempts[job_id] = attempt
        try:
            attempt.send(wake=lambda: self._inbox.put(lambda: None))
        except StoreError as error:
            with self._lock:
                del self._attempts[job_id]
                self._waiting[job.lane].appendleft(job_id)
            # Where this fails too, the job stays first in the queue: the next tick tries again.
            self._store.update_job(job_id, status=JobStatus.FAILED, error=str(error), ended=now())
            self._drop_waiting(job_id)
        except Exception as error:
            log.warning("the cluster did not take job %s: %s", job_id, error)
            self._lose(CONNECTION_LOST)

    def _on_message(self, message: dict[str, Any]) -> None:
        attempt = self._attempts.get(message["job"])
        if attempt is not None and attempt.token == message["token"]:
            attempt.on_message(message)
        elif message["what"] == "record":  # the job has ended meanwhile; the record is valid
            keep_record(self._store, message)
        elif attempt is None:
            self._requests.on_message(message)

    def _cancel(self, job_id: str) -> None:
        if job_id in self._attempts:
            self._attempts[job_id].stop()
        elif self.position(job_id) is not None:
            self._store.update_job(job_id, status=JobStatus.CANCELLED, ended=now())
            self._drop_waiting(job_id)

    def _poll(self) -> None:
        """Check for lost connections, finished tasks and changed workers."""
        if self._connection is not None and self._connection.broken:
            self._survive(partial(self._lose, CONNECTION_LOST))
        for attempt in list(self._attempts.values()):
            self._survive(partial(self._update, attempt))
        if self._connection is not None:
            self._survive(partial(self._requests.update, self._connection))
        if self._is_due("collect", COLLECT_SECONDS):
            self._survive(self._collect)
        if self._is_due("beat", BEAT_SECONDS):
            self._survive(self._beat)
        if self._connection is not None and self._is_due("workers", 1.0):
            self._survive(partial(self._update_workers, self._connection))

    def _update(self, attempt: Attempt) -> None:
        if attempt.update():
            self._forget(attempt.job.id)

    def _beat(self) -> None:
        """Store a heartbeat, and mark the jobs of dead owners as interrupted."""
        self._store.beat(self._owner)
        self._store.mark_interrupted(self._owner_lives)

    def _collect(self) -> None:
        # An older database may have been restored: the artefacts of newer records are kept for a while.
        freed = self._store.collect(artifact_age=RESTORE_DAYS * 86_400.0)
        if freed.files:
            log.info("%d unused files of the store were deleted, %d bytes", freed.files, freed.bytes)

    def _owner_lives(self, owner: str) -> bool:
        lives = process_lives(owner)
        if lives is None:
            silence = self._store.last_beat(owner)
            return silence is not None and silence < SILENCE_SECONDS
        return lives and (owner in _live or not same_process(owner, self._owner))

    def _update_workers(self, connection: Connection) -> None:
        found = connection.workers()
        with self._lock:
            self._workers = found
        for attempt in list(self._attempts.values()):
            self._check_lane(attempt)
        self._requests.check_lanes({lane for worker in found for lane in worker.lanes})

    def _check_lane(self, attempt: Attempt) -> None:
        """Store an event if a job's lane has no worker; eventually abandon a local cluster."""
        lane = attempt.job.lane
        if any(lane in worker.lanes for worker in self._workers):
            attempt.missing_since = None
            return
        attempt.missing_since = attempt.missing_since or time.monotonic()
        waited = time.monotonic() - attempt.missing_since
        if waited > MISSING_SECONDS and not attempt.missing_reported:
            attempt.missing_reported = True
            self._store.add_event(attempt.job.id, {"worker": "missing", "lane": lane}, progress=False)
        if waited > GIVE_UP_SECONDS and not self._scheduler:
            self._lose(NO_WORKER.format(lane=lane))

    def _lose(self, reason: str) -> None:
        """Interrupt all jobs of this engine; the next submitted job connects again."""
        connection, self._connection = self._connection, None
        self._survive(partial(self._drop_all, JobStatus.INTERRUPTED, reason))
        with self._lock:
            self._workers = []
        if connection is not None:
            in_thread(connection.close, "roboreg-disconnect")

    def _drop_all(self, status: JobStatus, reason: str) -> None:
        self._requests.fail_all(reason)
        for job_id, attempt in list(self._attempts.items()):
            attempt.abandon()
            attempt.end(status, reason)
            self._forget(job_id)
        for waiting in self._waiting.values():
            for job_id in list(waiting):
                self._store.update_job(job_id, status=status, error=reason, ended=now())
                self._drop_waiting(job_id)

    def _shut(self) -> None:
        connection, self._connection = self._connection, None
        self._survive(partial(self._drop_all, JobStatus.INTERRUPTED, APP_ENDED))
        self._ended = True
        if connection is not None:
            connection.close()
        with self._lock:
            self._workers = []

    def _forget(self, job_id: str) -> None:
        with self._lock:
            self._attempts.pop(job_id, None)

    def _drop_waiting(self, job_id: str) -> bool:
        with self._lock:
            for waiting in self._waiting.values():
                if job_id in waiting:
                    waiting.remove(job_id)
                    return True
        return False

    def _running(self, lane: str) -> int:
        return sum(attempt.job.lane == lane for attempt in self._attempts.values())

    def _slots(self, lane: str) -> int:
        """Number of jobs of a lane that may be sent at once; at least one, which waits for the first worker."""
        return max(1, sum(lane in worker.lanes for worker in self._workers)) if self._scheduler else 1

    def _is_due(self, what: str, every: float) -> bool:
        if time.monotonic() < self._due.get(what, 0.0):
            return False
        self._due[what] = time.monotonic() + every
        return True


def _close_at_exit(dispatcher: weakref.ref[Dispatcher]) -> None:
    found = dispatcher()
    if found is not None:
        found.close()
