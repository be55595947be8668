"""One attempt at a job: send it to a worker, process its messages, stop it, and store its outcome.

Only the dispatcher's thread calls these functions.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from roboreg_core.errors import RoboRegError, StorageError, StoreError
from roboreg_core.jobs.dask_cluster import DEATHS, Connection, in_thread, wake_when_done
from roboreg_core.jobs.worker import Outcome, one_line
from roboreg_core.store.records import Job, JobStatus, Record
from roboreg_core.store.row_mapping import now
from roboreg_core.store.store import Store

# Maximum delay of the last events, which are transferred independently of the result.
LATE_SECONDS = 1.0
GATHER_SECONDS = 60.0
# Interval between attempts to write to a store that cannot be written.
RETRY_SECONDS = 5.0

RESUME = "then resume the job to continue from its last saved state"
CONNECTION_LOST = f"the connection to the scheduler was lost: {RESUME.removeprefix('then ')}"
WORKER_DIED = (
    "the worker process died {deaths} times while running this job, possibly out of memory: "
    "resume it to continue from its last saved state"
)

log = logging.getLogger(__name__)


def keep_record(store: Store, message: dict[str, Any]) -> None:
    """Store the record that a worker sent as JSON in `message["payload"]`.

    Raises `StoreError`: it cannot be written.
    """
    store.complete_record(Record(**json.loads(message["payload"]), created=now()))


class Attempt:
    """One execution of a job on the cluster.

    Attributes:
        job: the job as it was when it was sent.
        token: identifies the attempt in its messages.
        starts: number of times that a worker started it, more than one if workers died.
        address: address of the most recent worker, None before the first start.
        missing_since: monotonic time since when no worker takes jobs from its lane; None while one does.
        missing_reported: True if an event reports that period.
    """

    def __init__(self, store: Store, connection: Connection, job: Job, *, grace: float) -> None:
        """Prepare the attempt; nothing is sent yet.

        Args:
            store: receives the job's events, records and outcome.
            connection: the cluster to send the job to.
            job: the job to run.
            grace: seconds for the job's function to stop after a cancellation, before its worker is killed.
        """
        self.job = job
        self.token = uuid.uuid4().hex
        self.starts = 0
        self.address: str | None = None
        self.missing_since: float | None = None
        self.missing_reported = False
        self._store = store
        self._connection = connection
        self._grace = grace
        self._future: Any = None
        self._pid = 0
        self._began: dict[str, Any] | None = None
        self._outcome: Outcome | None = None
        self._retry_at = 0.0
        self._states = 0
        self._has_ended = False
        self._record_error = ""
        self._done_since: float | None = None
        self._stop_since: float | None = None
        self._killer: threading.Thread | None = None

    def send(self, wake: Callable[[], None]) -> None:
        """Send the job to the cluster; `wake` is called from another thread when its task is done.

        Raises `StoreError`: an input artefact is missing or damaged.
        """
        artifacts = self._store.artifacts
        inputs = {name: artifacts.get(sha) for name, sha in self.job.inputs.items()}
        self._future = self._connection.submit(self.job, self.token, inputs, self._saved_state())
        wake_when_done(self._future, wake)

    def on_message(self, message: dict[str, Any]) -> None:
        """Process a message from the worker: store progress, a record, a saved state or the start, or note the end."""
        what = message["what"]
        if what == "progress":
            self._store.add_event(self.job.id, json.loads(message["payload"]))
        elif what == "record":
            self._store_record(message)
        elif what == "state":
            self._store_state(message["number"])
        elif what == "began":
            self.starts += 1
            self.address, self._pid, self._began = message["worker"], message["pid"], message
            self._store_start()
        elif what == "ended":
            self._has_ended = True

    def stop(self) -> None:
        """Cancel the task; if its function does not stop within the grace period, `update` kills the worker."""
        if self._stop_since is None and self._future.status == "pending":
            self._stop_since = time.monotonic()
            self._event({"cancel": "asked"})
            self._future.cancel()

    def update(self) -> bool:
        """Check the state of the task and store its outcome; return True once the job's end is stored.

        Raises `StorageError`: the store cannot be written; a later call tries again.
        """
        if time.monotonic() < self._retry_at:
            return False
        try:
            self._store_start()
            return self._update()
        except StorageError:
            self._retry_at = time.monotonic() + RETRY_SECONDS
            raise

    def _update(self) -> bool:
        if self._stop_since is not None:
            return self._update_stopping(time.monotonic() - self._stop_since)
        status = self._future.status
        if status == "finished":
            return self._update_finished()
        if status == "error":
            self._fail_of(self._future.exception())
        elif status != "pending":
            self.end(JobStatus.INTERRUPTED, CONNECTION_LOST)
        elif self.starts > DEATHS:
            self.abandon()
            self.end(JobStatus.FAILED, WORKER_DIED.format(deaths=DEATHS))
        return status != "pending" or self.starts > DEATHS

    def end(self, status: JobStatus, error: str | None = None) -> None:
        """Store the job's final status and error; delete its result and saved state on the cluster."""
        self._store.update_job(self.job.id, status=status, error=error, ended=now())
        self._connection.forget(self.token, self._future)

    def abandon(self) -> None:
        """Cancel the task without waiting for its function to stop."""
        with suppress(Exception):  # the connection may be lost
            self._future.cancel()

    def _saved_state(self) -> bytes | None:
        """The state to resume from; None, with an event, if it cannot be read."""
        if self.job.state is None:
            return None
        try:
            return self._store.artifacts.get(self.job.state)
        except StoreError as error:
            self._event({"state": "lost", "error": str(error)})
            return None

    def _store_start(self) -> None:
        """Store that a worker began, unless that is stored already."""
        if self._began is None:
            return
        if self.starts > 1:
            self._event({"worker": "lost", "deaths": self.starts - 1})
        before = self._store.get_job(self.job.id)
        attempts = (before.attempts if before else 0) + 1
        started = {"started": now()} if self.starts == 1 else {}
        self._store.update_job(self.job.id, status=JobStatus.RUNNING, attempts=attempts, **started)
        message, self._began = self._began, None
        self._event({"worker": "began", "host": message["host"], "pid": self._pid, "attempt": attempts})

    def _store_state(self, number: int) -> None:
        if number <= self._states or self._record_error:  # already fetched, or it may refer to a lost record
            return
        try:
            self._states, state = self._connection.state(self.token)
            self._store.set_state(self.job.id, state)
        except StoreError as error:
            log.warning("a state of job %s was not stored: %s", self.job.id, error)
            with suppress(StorageError):
                self._event({"state": "not kept", "error": str(error)})

    def _store_record(self, message: dict[str, Any]) -> None:
        try:
            keep_record(self._store, message)
        except StoreError as error:
            self._record_error = str(error)
            log.warning("a record of job %s was not stored: %s", self.job.id, error)

    def _update_finished(self) -> bool:
        self._done_since = self._done_since or time.monotonic()
        if not self._has_ended and time.monotonic() - self._done_since < LATE_SECONDS:
            return False
        try:
            self._outcome = self._outcome or Outcome(**self._future.result(timeout=GATHER_SECONDS))
        except TimeoutError:
            return False  # the worker died with the result: another one runs the task again
        except Exception as error:
            self._fail_of(error)
            return True
        self._settle(self._outcome)
        return True

    def _settle(self, outcome: Outcome) -> None:
        if outcome.how == "finished":
            self._finish(outcome)
        elif outcome.how == "stopped":
            self.end(JobStatus.CANCELLED)
        else:
            self._event({"error": outcome.error, "traceback": outcome.trace})
            self.end(JobStatus.FAILED, outcome.error)

    def _finish(self, outcome: Outcome) -> None:
        if self._record_error:
            self.end(JobStatus.INTERRUPTED, f"a record could not be stored: {self._record_error}; {RESUME}")
            return
        job = self.job
        record = Record(kind=job.kind, id=job.key, created=now(), spec=job.spec, result=outcome.result)
        try:
            self._store.finish_job(job.id, record, outcome.artifacts)
        except StorageError as error:
            self.end(JobStatus.INTERRUPTED, f"the result could not be stored: {error}; {RESUME}")
        except RoboRegError as error:
            self.end(JobStatus.FAILED, f"the result could not be stored: {error}")
        else:
            self._connection.forget(self.token, self._future)

    def _fail_of(self, error: BaseException) -> None:
        if type(error).__name__ == "KilledWorker":
            self._event({"worker": "lost", "deaths": max(DEATHS, self.starts)})
            self.end(JobStatus.FAILED, WORKER_DIED.format(deaths=max(DEATHS, self.starts)))
        else:
            self.end(JobStatus.FAILED, one_line(error))

    def _update_stopping(self, waited: float) -> bool:
        never_started = self.starts == 0 and waited > LATE_SECONDS
        killed = self._killer is not None and not self._killer.is_alive()
        if self._has_ended or never_started or killed:
            self.end(JobStatus.CANCELLED)
            return True
        if self._killer is None and waited > self._grace:
            self._event({"worker": "ended", "because": f"the job did not stop within {self._grace:g} s"})
            self._killer = in_thread(self._end_worker, "roboreg-end-worker")
        return False

    def _end_worker(self) -> None:
        try:
            self._connection.end_worker(self.address or "", self._pid)
        except Exception as error:
            log.warning("the worker of job %s could not be ended: %s", self.job.id, one_line(error))

    def _event(self, payload: dict[str, Any]) -> None:
        """Store an event of the engine, which is not progress of the function."""
        self._store.add_event(self.job.id, payload, progress=False)
