"""What runs in a worker process: one task function with its context.

Nothing here writes to disk or knows the store: progress goes out as events of one topic, the newest resumable state is
held by the scheduler in a variable, results go back as the task's value. Nothing but plain values crosses the wire.
"""

from __future__ import annotations

import importlib
import json
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

# A person cannot read faster, and each event is a write to the store.
REPORT_SECONDS = 0.2

_WANTED = ("executing", "long-running")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One attempt at a job, or a question, as sent to a worker.

    Attributes:
        job: the job's id; empty for a question.
        token: unique to this attempt; every message carries it.
        topic: where messages go.
        function: `module:name`.
        spec: the function's argument.
        variable: the scheduler's variable that holds `{"number": int, "state": bytes}`; empty where no state is kept.
        threads: how many the function should compute with; None where the worker's own setting holds.
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
    """How the function ended: `finished` with a result, `stopped`, or `failed` with one line and a traceback."""

    how: str
    result: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    error: str = ""
    trace: str = ""


def run_task(call_json: str, inputs: dict[str, bytes]) -> dict[str, Any]:
    """Run the function that the call names, on a worker; return the fields of its `Outcome`.

    Every exception of the function becomes an outcome: only the worker's death makes the task itself fail.
    """
    from distributed import get_client, get_worker

    call = Call(**json.loads(call_json))
    worker, client = get_worker(), get_client()
    send = _sender(worker, call)
    send(what="began", worker=worker.address, host=socket.gethostname(), pid=os.getpid())
    holder = _StateHolder(call.variable, client) if call.variable else None
    put = _sender(client, call) if call.job else _ignore
    context = WorkerContext(inputs, holder, send, put, _asker(worker), call.threads)
    try:
        outcome = _outcome(call, context)
    finally:
        context.finish()
        send(what="ended")
    return vars(outcome)


class WorkerContext:
    """The context of a function on a worker; see `task.Context`."""

    def __init__(
        self,
        inputs: dict[str, bytes],
        holder: _StateHolder | None,
        send: Callable[..., None],
        put: Callable[..., None],
        should_stop: Callable[[], bool],
        threads: int | None = None,
    ) -> None:
        self.inputs = inputs
        self.state: bytes | None = holder.state if holder else None
        self.should_stop = should_stop
        self.threads = threads
        self._holder = holder
        self._send = send
        self._put = put
        self._reports = Throttle(lambda payload: send(what="progress", payload=payload))

    def report(self, payload: dict[str, Any]) -> None:
        """Tell progress; of a quick succession only the newest is sent, but every one with `"milestone": true`.

        Raises:
            JobError: the payload holds something that JSON does not know.
        """
        self._reports.add(_text(payload, "progress"), keep=payload.get("milestone") is True)

    def save(self, state: bytes) -> None:
        """Put the state in place of the one before at the scheduler, and tell the app; nothing for a question."""
        if self._holder is None:
            return
        number = self._holder.put(state)
        self._send(what="state", number=number)

    def put(self, kind: str, id: str, spec: dict[str, Any], result: dict[str, Any]) -> None:  # noqa: A002
        """Send a record and wait until the scheduler has it; see `task.Context`."""
        payload = {"kind": kind, "id": id, "spec": spec, "result": result}
        self._put(what="record", payload=_text(payload, f"record {id}"))

    def finish(self) -> None:
        """Send what is still held back."""
        self._reports.close()


class Throttle:
    """Passes texts on, at most one in `REPORT_SECONDS` except for those to keep; the newest is never lost."""

    def __init__(self, send: Callable[[str], None], interval: float = REPORT_SECONDS) -> None:
        self._send = send
        self._interval = interval
        self._lock = threading.Lock()
        self._last = float("-inf")
        self._pending: str | None = None
        self._timer: threading.Timer | None = None

    def add(self, text: str, *, keep: bool = False) -> None:
        """Send now, or hold back until the interval is over."""
        with self._lock:
            wait = self._last + self._interval - time.monotonic()
            if keep or wait <= 0:
                self._pass_on(text)
            else:
                self._pending = text
                self._wake_in(wait)

    def close(self) -> None:
        """Send what is held back."""
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._pending is not None:
                self._pass_on(self._pending)

    def _pass_on(self, text: str) -> None:
        self._pending = None  # what was held back is older than this
        self._last = time.monotonic()
        self._send(text)

    def _wake_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = threading.Timer(seconds, self._flush)
            self._timer.daemon = True
            self._timer.start()


class _StateHolder:
    """The newest state of one attempt, held by the scheduler: it outlives the worker, and there is but one."""

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
        raise JobError(f"the worker has no function {function} ({error}): install the same RoboReg there") from error
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
        raise JobError(f"{what} must be a JSON object ({error}): use numbers, texts, lists and objects") from error


def one_line(error: BaseException) -> str:
    """What a person reads: RoboReg's own errors say it themselves, others are named too."""
    text = " ".join(str(error).split())
    return text if isinstance(error, RoboRegError) and text else f"{type(error).__name__}: {text}".rstrip(": ")


def _sender(speaker: Any, call: Call) -> Callable[..., None]:
    """Sends messages: at once and at no cost by a worker, and by a client such that they have arrived on return."""

    def send(**message: Any) -> None:
        speaker.log_event(call.topic, {"job": call.job, "token": call.token, **message})

    return send


def _ignore(**message: Any) -> None:
    """In the place of a sender where nothing is kept."""


def _asker(worker: Any) -> Callable[[], bool]:
    """Asks this worker's own table, so at no cost, whether its task is still wanted.

    It no longer is when the job was cancelled, and also when the app that submitted it is gone.
    """
    key = worker.get_current_task()

    def should_stop() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state not in _WANTED

    return should_stop
