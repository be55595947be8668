"""Values passed between callers, the job engine and task functions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Task:
    """Specification of a job to submit to the engine; the fields are those of `store.records.Job`."""

    kind: str
    key: str
    function: str
    spec: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)
    lane: str = "device"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A short call of a task function by a worker, without a job or a record.

    Attributes:
        channel: identifies the caller; the next request of the same channel supersedes this one.
        function: `module:name` of the task function; its artefacts are discarded.
        spec: argument of the function, a JSON object.
        inputs: bytes by name.
        lane: queue of one kind of worker, `device` or `light`.
    """

    channel: str
    function: str
    spec: dict[str, Any]
    inputs: dict[str, bytes] = field(default_factory=dict, repr=False)
    lane: str = "light"


@dataclass(frozen=True, kw_only=True)
class Output:
    """Return value of a task function: a JSON object, and bytes to store as artefacts.

    The engine stores the bytes and adds their names and SHA-256 to the result as `artifacts`.
    """

    result: dict[str, Any]
    artifacts: dict[str, bytes] = field(default_factory=dict)


class Stopped(Exception):
    """Raised by a task function when it stops because the job was cancelled."""


class Context(Protocol):
    """Passed to a task function: its inputs and saved state, and callbacks to report, save and stop."""

    @property
    def inputs(self) -> dict[str, bytes]:
        """Bytes of the input artefacts by name."""
        ...

    @property
    def state(self) -> bytes | None:
        """The newest state saved by an earlier attempt, else None."""
        ...

    @property
    def threads(self) -> int | None:
        """Number of threads to use; None for the process's own setting."""
        ...

    def report(self, payload: dict[str, Any]) -> None:
        """Report progress, a small JSON object. May be called at every step: reports are throttled."""
        ...

    def save(self, state: bytes) -> None:
        """Save a state from which a later attempt resumes."""
        ...

    def put(self, kind: str, id: str, spec: dict[str, Any], result: dict[str, Any]) -> None:  # noqa: A002
        """Store a record without artefacts that is independent of the job's outcome; ignored in a request.

        Returns when the record survives the worker's death, so that a state saved afterwards may refer to it. A record
        with the same `id` is replaced, except for values that are null in the new one.

        Raises `JobError`: an argument is not JSON.
        """
        ...

    def should_stop(self) -> bool:
        """True once the job is cancelled; the function must then raise `Stopped`."""
        ...


TaskFunction = Callable[[dict[str, Any], Context], Output]


@dataclass(kw_only=True)
class LocalContext:
    """Context of a task function called in the caller's process, e.g. by the command line."""

    inputs: dict[str, bytes] = field(default_factory=dict)
    state: bytes | None = None
    threads: int | None = None
    on_report: Callable[[dict[str, Any]], None] = lambda payload: None
    on_save: Callable[[bytes], None] = lambda state: None
    on_put: Callable[[str, str, dict[str, Any], dict[str, Any]], None] = lambda *record: None

    def report(self, payload: dict[str, Any]) -> None:
        """Call the callback `on_report` with the payload."""
        self.on_report(payload)

    def save(self, state: bytes) -> None:
        """Keep the state, and call the callback `on_save` with it."""
        self.state = state
        self.on_save(state)

    def put(self, kind: str, id: str, spec: dict[str, Any], result: dict[str, Any]) -> None:  # noqa: A002
        """Call the callback `on_put` with the record's fields."""
        self.on_put(kind, id, spec, result)

    def should_stop(self) -> bool:
        """False: a local call is stopped by ending the process."""
        return False
