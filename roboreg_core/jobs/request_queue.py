"""Requests: short calls run by a worker without a job, a record or an event in the store.

A channel, e.g. the page of one session, has one request at a time; a new one supersedes it.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from json import loads
from typing import Any

from roboreg_core.jobs.dask_cluster import DEATHS, Connection, wake_when_done
from roboreg_core.jobs.task import Request
from roboreg_core.jobs.worker import Outcome, one_line

GATHER_SECONDS = 5.0
WORKER_DIED = f"the worker process died {DEATHS} times while running this request, possibly out of memory: try again"
# Time allowed for a worker to start on a busy machine.
MISSING_SECONDS = 60.0
NO_WORKER = "no worker takes the lane {lane}: start one with --resources {lane}=1, or see the log of the app"
WITHDRAWN = "superseded or withdrawn"

log = logging.getLogger(__name__)


class RequestStatus(StrEnum):
    """Status of a request; `superseded` if a newer one of its channel replaced it, or it was withdrawn."""

    PENDING = "pending"
    FINISHED = "finished"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class PendingRequest:
    """A submitted request; updated by the dispatcher's thread, readable from any thread.

    Attributes:
        request: what was submitted.
        status: see `RequestStatus`.
        progress: newest progress reported by the function, {} before.
        result: returned by the function, {} before.
        error: one line if it failed or was superseded, else empty.
        since: time of submission on the monotonic clock.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.status = RequestStatus.PENDING
        self.progress: dict[str, Any] = {}
        self.result: dict[str, Any] = {}
        self.error = ""
        self.since = time.monotonic()
        self.token = uuid.uuid4().hex
        self.future: Any = None

    @property
    def is_ended(self) -> bool:
        """True once the request is finished, failed or superseded."""
        return self.status is not RequestStatus.PENDING

    def end(self, status: RequestStatus, *, result: dict[str, Any] | None = None, error: str = "") -> None:
        """Set status, result and error; called by the dispatcher's thread only."""
        self.result, self.error = result or {}, error
        self.status = status  # last, since other threads wait for it


class RequestQueue:
    """The pending requests of one engine, first in, first out. Only the dispatcher's thread uses it, except `put`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[str, PendingRequest] = {}
        self._dropped: list[PendingRequest] = []
        # Lanes of pending requests without a worker -> start of that period.
        self._missing: dict[str, float] = {}

    def put(self, channel: str, pending: PendingRequest | None) -> None:
        """Replace the pending request of a caller's channel; None withdraws it. Any thread may call it."""
        with self._lock:
            before = self._pending.pop(channel, None)
            if pending is not None:
                self._pending[channel] = pending
            if before is not None:
                before.end(RequestStatus.SUPERSEDED, error=WITHDRAWN)
                self._dropped.append(before)

    @property
    def is_empty(self) -> bool:
        """True if no request is pending or being stopped."""
        with self._lock:
            return not (self._pending or self._dropped)

    def lanes(self) -> set[str]:
        """Lanes (kinds of worker) of the requests that are not sent yet."""
        return {pending.request.lane for pending in self._all() if pending.future is None}

    def running(self, lane: str) -> int:
        """Number of requests of a lane that were sent to the cluster."""
        return sum(pending.request.lane == lane and pending.future is not None for pending in self._all())

    def send(
        self, connection: Connection, free: Callable[[str], int], threads: int | None, wake: Callable[[], None]
    ) -> None:
        """Cancel superseded requests; submit pending ones, oldest first, to lanes with free workers.

        `free` returns a lane's number of free workers; `threads` is the number of threads per request, None for the
        worker's own setting; `wake` is called when a task is done.
        """
        self._cancel_dropped(connection)
        for pending in self._all():
            if pending.future is None and free(pending.request.lane) > 0:
                pending.future = connection.submit_request(pending.request, pending.token, threads)
                wake_when_done(pending.future, wake)

    def on_message(self, message: dict[str, Any]) -> None:
        """Process a message from a worker; messages of superseded requests are ignored."""
        pending = next((each for each in self._all() if each.token == message["token"]), None)
        if pending is not None and message["what"] == "progress":
            pending.progress = loads(message["payload"])
        elif pending is not None and message["what"] == "began":
            pending.progress = {}

    def update(self, connection: Connection) -> None:
        """Set the outcome of the requests whose tasks are done."""
        for pending in self._all():
            if pending.future is not None and pending.future.status != "pending":
                self._settle(connection, pending)

    def check_lanes(self, lanes: set[str]) -> None:
        """Fail requests whose lane has had no worker for `MISSING_SECONDS`; `lanes` are those that have one now."""
        now, wanted = time.monotonic(), {pending.request.lane for pending in self._all()}
        self._missing = {lane: self._missing.get(lane, now) for lane in wanted - lanes}
        for pending in self._all():
            lane = pending.request.lane
            if now - self._missing.get(lane, now) > MISSING_SECONDS:
                self._end(pending, RequestStatus.FAILED, error=NO_WORKER.format(lane=lane))

    def fail_all(self, error: str) -> None:
        """Fail all pending requests with this error message."""
        for pending in self._all():
            self._end(pending, RequestStatus.FAILED, error=error)

    def _settle(self, connection: Connection, pending: PendingRequest) -> None:
        try:
            outcome = Outcome(**pending.future.result(timeout=GATHER_SECONDS))
        except TimeoutError:
            return  # the worker died with the result: another one runs the task again
        except Exception as error:
            died = type(error).__name__ == "KilledWorker"
            self._end(pending, RequestStatus.FAILED, error=WORKER_DIED if died else one_line(error))
        else:
            if outcome.trace:
                log.error("%s failed: %s", pending.request.function, outcome.trace)
            status = RequestStatus.FINISHED if outcome.how == "finished" else RequestStatus.FAILED
            self._end(pending, status, result=outcome.result, error=outcome.error)
        connection.release(pending.future)

    def _end(self, pending: PendingRequest, status: RequestStatus, **how: Any) -> None:
        with self._lock:
            if self._pending.get(pending.request.channel) is pending:
                del self._pending[pending.request.channel]
                pending.end(status, **how)

    def _cancel_dropped(self, connection: Connection) -> None:
        with self._lock:
            dropped, self._dropped = self._dropped, []
        for pending in dropped:
            if pending.future is not None:
                with suppress(Exception):  # the connection may be lost
                    pending.future.cancel()
                connection.release(pending.future)

    def _all(self) -> list[PendingRequest]:
        with self._lock:
            return list(self._pending.values())
