"""Questions: short calls that a worker answers without a job, a record or an event in the store.

What a person asks while they move a control is worth an answer only until they move it again. So a channel, e.g. one
visitor's page, holds one question at a time, and a new one supersedes it.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from json import loads
from typing import Any

from roboreg_core.jobs.dask_cluster import DEATHS, Connection
from roboreg_core.jobs.task import Request
from roboreg_core.jobs.worker import Outcome, one_line

GATHER_SECONDS = 5.0
WORKER_DIED = f"the worker process died {DEATHS} times while answering, perhaps for want of memory: ask again"
# A first worker takes seconds to start, some more on a busy machine.
MISSING_SECONDS = 60.0
NO_WORKER = "no worker takes the lane {lane}: start one with --resources {lane}=1, or see the log of the app"
WITHDRAWN = "nobody waits for the answer any more"

log = logging.getLogger(__name__)


class RequestStatus(StrEnum):
    """Where a question stands; `superseded` is one that was asked anew or withdrawn before its answer came."""

    WAITING = "waiting"
    ANSWERED = "answered"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class PendingRequest:
    """A question and what became of it so far; it changes by itself, and may be read from any thread.

    Attributes:
        question: what was asked.
        status: see `RequestStatus`.
        progress: the newest that the function told, {} before.
        result: what it returned, where it was answered.
        error: one line, where it failed.
        since: when it was asked, on the monotonic clock.
    """

    def __init__(self, question: Request) -> None:
        self.question = question
        self.status = RequestStatus.WAITING
        self.progress: dict[str, Any] = {}
        self.result: dict[str, Any] = {}
        self.error = ""
        self.since = time.monotonic()
        self.token = uuid.uuid4().hex
        self.future: Any = None

    @property
    def is_ended(self) -> bool:
        """True where nothing more happens to it."""
        return self.status is not RequestStatus.WAITING

    def end(self, status: RequestStatus, *, result: dict[str, Any] | None = None, error: str = "") -> None:
        """Called by the engine's thread alone."""
        self.result, self.error = result or {}, error
        self.status = status  # last: whoever sees it finds the rest


class RequestQueue:
    """The open questions of one engine, first in first out. Only the engine's own thread calls it, but for `put`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, PendingRequest] = {}
        self._dropped: list[PendingRequest] = []
        # Lanes that questions wait for and no worker takes, and since when.
        self._missing: dict[str, float] = {}

    def put(self, channel: str, asked: PendingRequest | None) -> None:
        """Put a question in the place of the channel's own, or of nothing where it is withdrawn; from any thread."""
        with self._lock:
            before = self._open.pop(channel, None)
            if asked is not None:
                self._open[channel] = asked
            if before is not None:
                before.end(RequestStatus.SUPERSEDED, error=WITHDRAWN)
                self._dropped.append(before)

    @property
    def is_empty(self) -> bool:
        """True where nothing is left to do."""
        with self._lock:
            return not (self._open or self._dropped)

    def lanes(self) -> set[str]:
        """Where questions wait to be sent."""
        return {asked.question.lane for asked in self._all() if asked.future is None}

    def out(self, lane: str) -> int:
        """How many questions of a lane are in the cluster's hands."""
        return sum(asked.question.lane == lane and asked.future is not None for asked in self._all())

    def send(
        self, connection: Connection, free: Callable[[str], int], threads: int | None, wake: Callable[[], None]
    ) -> None:
        """Stop what nobody waits for; hand on as many questions as workers are free, oldest first."""
        self._stop_dropped(connection)
        for asked in self._all():
            if asked.future is None and free(asked.question.lane) > 0:
                asked.future = connection.ask(asked.question, asked.token, threads)
                asked.future.add_done_callback(lambda future: wake())

    def told(self, message: dict[str, Any]) -> None:
        """Take in one message of a worker's; those about jobs and about dropped questions are not meant."""
        asked = next((each for each in self._all() if each.token == message["token"]), None)
        if asked is not None and message["what"] == "progress":
            asked.progress = loads(message["payload"])
        elif asked is not None and message["what"] == "began":
            asked.progress = {}

    def look_after(self, connection: Connection) -> None:
        """End what was answered or failed."""
        for asked in self._all():
            if asked.future is not None and asked.future.status != "pending":
                self._settle(connection, asked)

    def miss(self, lanes: set[str]) -> None:
        """Fail what waits for a lane that no worker has taken for long: one that died is soon replaced."""
        now, wanted = time.monotonic(), {asked.question.lane for asked in self._all()}
        self._missing = {lane: self._missing.get(lane, now) for lane in wanted - lanes}
        for asked in self._all():
            lane = asked.question.lane
            if now - self._missing.get(lane, now) > MISSING_SECONDS:
                self._end(asked, RequestStatus.FAILED, error=NO_WORKER.format(lane=lane))

    def drop_all(self, error: str) -> None:
        """Fail every open question."""
        for asked in self._all():
            self._end(asked, RequestStatus.FAILED, error=error)

    def _settle(self, connection: Connection, asked: PendingRequest) -> None:
        try:
            outcome = Outcome(**asked.future.result(timeout=GATHER_SECONDS))
        except TimeoutError:
            return  # its worker died with the answer, and another makes it again
        except Exception as error:
            died = type(error).__name__ == "KilledWorker"
            self._end(asked, RequestStatus.FAILED, error=WORKER_DIED if died else one_line(error))
        else:
            if outcome.trace:
                log.error("%s failed: %s", asked.question.function, outcome.trace)
            answered = outcome.how == "finished"
            status = RequestStatus.ANSWERED if answered else RequestStatus.FAILED
            self._end(asked, status, result=outcome.result, error=outcome.error)
        connection.let_go(asked.future)

    def _end(self, asked: PendingRequest, status: RequestStatus, **how: Any) -> None:
        with self._lock:
            if self._open.get(asked.question.channel) is asked:
                del self._open[asked.question.channel]
                asked.end(status, **how)

    def _stop_dropped(self, connection: Connection) -> None:
        with self._lock:
            dropped, self._dropped = self._dropped, []
        for asked in dropped:
            if asked.future is not None:
                with suppress(Exception):  # a connection that is gone has dropped it already
                    asked.future.cancel()
                connection.let_go(asked.future)

    def _all(self) -> list[PendingRequest]:
        with self._lock:
            return list(self._open.values())
