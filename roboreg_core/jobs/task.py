"""What passes between a caller, the engine and the function that a worker runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Task:
    """Work to submit; see `store.records.Job` for the fields."""

    kind: str
    key: str
    function: str
    spec: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)
    lane: str = "device"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A short call.

    Attributes:
        channel: whose question it is; the next one of the same channel supersedes it.
        function: `module:name` of what a worker calls, a task function; its artefacts are not kept.
        spec: its argument, a JSON object.
        inputs: bytes that go along, by name.
        lane: which worker may take it.
    """

    channel: str
    function: str
    spec: dict[str, Any]
    inputs: dict[str, bytes] = field(default_factory=dict, repr=False)
    lane: str = "light"


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a task function returns: a JSON object, and bytes to keep as artefacts.

    The engine writes the bytes to the store and adds their names and SHA-256 sums to the result as `artifacts`.
    """

    result: dict[str, Any]
    artifacts: dict[str, bytes] = field(default_factory=dict)


class Stopped(Exception):
    """Raised by a task function that was told to stop and did."""


class Context(Protocol):
    """What a task function is handed beside its spec."""

    @property
    def inputs(self) -> dict[str, bytes]:
        """The artefacts that the task named, by name."""
        ...

    @property
    def state(self) -> bytes | None:
        """The newest state saved by an earlier attempt at this job, None on the first."""
        ...

    @property
    def threads(self) -> int | None:
        """How many threads to compute with, so that other work is not disturbed; None: as the process is set."""
        ...

    def report(self, payload: dict[str, Any]) -> None:
        """Tell progress: a small JSON object. Cheap; may be called every step (the engine thins it out)."""
        ...

    def save(self, state: bytes) -> None:
        """Keep a state to go on from if the worker or the app dies."""
        ...

    def put(self, kind: str, id: str, spec: dict[str, Any], result: dict[str, Any]) -> None:  # noqa: A002
        """Hand over finished work on the way: a record that stays whatever becomes of the job; a question leaves none.

        All are JSON and name no artefacts. Returns once the worker's death can no longer lose it, so that a state saved
        afterwards may say that it is done. `id` determines the content: one that is kept already is written once
        more, and keeps what is null in the new one.

        Raises:
            JobError: it is not JSON.
        """
        ...

    def should_stop(self) -> bool:
        """True once the job was cancelled; the function then raises `Stopped`."""
        ...


TaskFunction = Callable[[dict[str, Any], Context], Output]


@dataclass(kw_only=True)
class LocalContext:
    """A context for a function that runs in the caller's own process, e.g. from the command line."""

    inputs: dict[str, bytes] = field(default_factory=dict)
    state: bytes | None = None
    threads: int | None = None
    on_report: Callable[[dict[str, Any]], None] = lambda payload: None
    on_save: Callable[[bytes], None] = lambda state: None
    on_put: Callable[[str, str, dict[str, Any], dict[str, Any]], None] = lambda *record: None

    def report(self, payload: dict[str, Any]) -> None:
        """Hand the payload to `on_report`."""
        self.on_report(payload)

    def save(self, state: bytes) -> None:
        """Keep the state as the newest and hand it to `on_save`."""
        self.state = state
        self.on_save(state)

    def put(self, kind: str, id: str, spec: dict[str, Any], result: dict[str, Any]) -> None:  # noqa: A002
        """Hand the record's parts to `on_put`."""
        self.on_put(kind, id, spec, result)

    def should_stop(self) -> bool:
        """Never: a person stops a local call by ending the process."""
        return False
