"""Execution of a task function in a worker process.

Workers do not access the store: progress is sent as events of a topic, the resumable state is held by the scheduler in
a variable, and the result is the value of the dask task. Only plain values are transferred.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import socket
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from roboreg_core.errors import JobError, RoboRegError
from roboreg_core.jobs.task import Output, Stopped, TaskFunction

# Minimum interval between progress events: each is a write to the store.
REPORT_SECONDS = 0.2

_ACTIVE_STATES = ("executing", "long-running")


@dataclass(frozen=True, kw_only=True)
class Call:
    """An attempt at a job, or a request, as sent to a worker.

    Attributes:
        job: the job's id; empty for a request.
        token: identifies the attempt in every message.
        topic: dask topic of the messages.
        function: `module:name` of the task function.
        spec: argument of the function.
        variable: name of the scheduler's variable with `{"number": int, "state": bytes}`; empty for a request.
        threads: number of threads for the function; None for the worker's own setting.
    """

    job: str
    token: str
    topic: str
    function: str
    spec: dict[str, Any]
    variable: str = ""
    threads: int | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Outcome of a call.

    Attributes:
        how: `finished`, `stopped` or `failed`.
        result, artifacts: output of a finished call: a JSON object, and bytes by name.
        error, trace: of a failed call: the error in one line, and the traceback; else empty.
    """

    how: str
    result: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    error: str = ""
    trace: str = ""


def dask_setup(_worker: Any) -> None:
    """Called by dask when a local worker starts: no traceback if a heartbeat finds the app closed."""
    logging.getLogger("distributed.worker").setLevel(logging.CRITICAL)


def run_task(call_json: str, inputs: dict[str, bytes]) -> dict[str, Any]:
    """Run a `Call` (as JSON) with `inputs`, bytes by name; return the fields of its `Outcome` as a dict.

    Exceptions of the function become outcomes: the dask task itself fails only when the worker dies.
    """
    from distributed import get_client, get_worker

    call = Call(**json.loads(call_json))
    worker, client = get_worker(), get_client()
    send = _sender(worker, call)
    send(what="began", worker=worker.address, host=socket.gethostname(), pid=os.getpid())
    holder = _StateHolder(call.variable, client) if call.variable else None
    put = _sender(client, call) if call.job else lambda **message: None
    context = WorkerContext(inputs, holder, send, put, _cancellation_check(worker), call.threads)
    try:
        outcome = _outcome(call, context)
    finally:
        context.finish()
        send(what="ended")
    return vars(outcome)


class WorkerContext:
    """Context of a task function on a worker; see `task.Context`."""

    def __init__(
        self,
        inputs: dict[str, bytes],
        holder: _StateHolder | None,
        send: Callable[..., None],
        put: Callable[..., None],
        should_stop: Callable[[], bool],
        threads: int | None = None,
    ) -> None:
        """Read the saved state, and throttle the reports that go to `send`.

        Args:
            inputs: bytes of the input artefacts by name.
            holder: holds the saved state at the scheduler; None for a request, which has no state.
            send: sends the message given by its keyword arguments to the app, without waiting.
            put: as `send`, but waits until the scheduler has the message.
            should_stop: returns True once the job is cancelled.
            threads: number of threads for the function; None for the worker's own setting.
        """
        self.inputs = inputs
        self.state: bytes | None = holder.state if holder else None
        self.should_stop = should_stop
        self.threads = threads
        self._holder = holder
        self._send = send
        self._put = put
        self._reports = Throttle(lambda payload: send(what="progress", payload=payload))

    def report(self, payload: dict[str, Any]) -> None:
        """Report progress, throttled; payloads with `"milestone": true` are always sent.

        Raises `JobError`: the payload is not JSON.
        """
        self._reports.add(_text(payload, "progress"), keep=payload.get("milestone") is True)

    def save(self, state: bytes) -> None:
        """Replace the attempt's saved state at the scheduler and notify the app; ignored in a request."""
        if self._holder is None:
            return
        number = self._holder.put(state)
        self._send(what="state", number=number)

    def put(self, kind: str, id: str, spec: dict[str, Any], result: dict[str, Any]) -> None:  # noqa: A002
        """Send a record to the app and wait until the dask scheduler has it."""
        payload = {"kind": kind, "id": id, "spec": spec, "result": result}
        self._put(what="record", payload=_text(payload, f"record {id}"))

    def finish(self) -> None:
        """Send the last report if throttling still delays it."""
        self._reports.close()


class Throttle:
    """Sends at most one text per interval; a newer text replaces a delayed one, and the newest is always sent."""

    def __init__(self, send: Callable[[str], None], interval: float = REPORT_SECONDS) -> None:
        """Send texts with the function `send`, at most one per `interval` seconds."""
        self._send = send
        self._interval = interval
        self._lock = threading.Lock()
        self._last = float("-inf")
        self._pending: str | None = None
        self._timer: threading.Timer | None = None

    def add(self, text: str, *, keep: bool = False) -> None:
        """Send the text now, or at the end of the interval; with `keep`, a newer text does not replace it."""
        with self._lock:
            wait = self._last + self._interval - time.monotonic()
            if keep or wait <= 0:
                self._send_now(text)
            else:
                self._pending = text
                self._wake_in(wait)

    def close(self) -> None:
        """Send the newest text now if it is still delayed."""
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._pending is not None:
                self._send_now(self._pending)

    def _send_now(self, text: str) -> None:
        self._pending = None  # older than this text
        self._last = time.monotonic()
        self._send(text)

    def _wake_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = threading.Timer(seconds, self._flush)
            self._timer.daemon = True
            self._timer.start()


class _StateHolder:
    """The newest state of one attempt, held by the scheduler so that it survives the worker."""

    def __init__(self, name: str, client: Any) -> None:
        from distributed import Variable

        self._variable = Variable(name, client=client)
        held = self._variable.get(timeout="30 s")
        self._number = int(held["number"])
        self.state = bytes(held["state"]) or None

    def put(self, state: bytes) -> int:
        self._number += 1
        self._variable.set({"number": self._number, "state": state})
        return self._number


def _outcome(call: Call, context: WorkerContext) -> Outcome:
    try:
        output = _resolve(call.function)(call.spec, context)
        return _checked(call.function, output)
    except Stopped:
        return Outcome(how="stopped")
    except (Exception, SystemExit) as error:
        return Outcome(how="failed", error=one_line(error), trace=traceback.format_exc())


def _resolve(function: str) -> TaskFunction:
    """The function named `module:name`."""
    module, _, name = function.partition(":")
    try:
        found: TaskFunction = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise JobError(
            f"the worker has no function {function} ({error}): install the same version of RoboReg there"
        ) from error
    return found


def _checked(function: str, output: Output) -> Outcome:
    if not isinstance(output, Output):
        raise JobError(f"{function} must return an Output, got {type(output).__name__}")
    try:
        json.dumps(output.result)
    except (TypeError, ValueError) as error:
        raise JobError(f"the result of {function} must be a JSON object ({error})") from error
    return Outcome(how="finished", result=output.result, artifacts=output.artifacts)


def _text(value: dict[str, Any], what: str) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise JobError(f"{what} must be a JSON object ({error}): use numbers, strings, lists and objects") from error


def one_line(error: BaseException) -> str:
    """An error's message as one line, preceded by the error's type unless it is a `RoboRegError`."""
    text = " ".join(str(error).split())
    return text if isinstance(error, RoboRegError) and text else f"{type(error).__name__}: {text}".rstrip(": ")


def _sender(via: Any, call: Call) -> Callable[..., None]:
    """A function that sends messages: asynchronously via a worker, synchronously via a client."""

    def send(**message: Any) -> None:
        via.log_event(call.topic, {"job": call.job, "token": call.token, **message})

    return send


def _cancellation_check(worker: Any) -> Callable[[], bool]:
    """A function that returns True once the current task is cancelled or its app has ended.

    It reads the worker's own task table and is cheap.
    """
    key = worker.get_current_task()

    def should_stop() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state not in _ACTIVE_STATES

    return should_stop
