"""The values that the store keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# What was deleted can be brought back for so long.
BIN_DAYS = 30
LONGEST_NAME = 80


class JobStatus(StrEnum):
    """Where a job stands.

    `interrupted` is a job whose app ended before it did: it may be resumed. `failed` and `cancelled` may be tried
    again; all three go on from the last saved state where there is one.
    """

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_ended(self) -> bool:
        """True where nothing more happens to it by itself."""
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)

    @property
    def can_resume(self) -> bool:
        """True where it may be queued again."""
        return self in (JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.INTERRUPTED)


@dataclass(frozen=True, kw_only=True)
class Record:
    """Finished work: what was asked (`spec`), what came out (`result`), both JSON objects.

    Attributes:
        kind: a word of the caller's, e.g. `run`.
        id: hash of what determines the result.
        created: UTC, ISO 8601.
        recorded: True where it ships with the project; such records are read-only.
    """

    kind: str
    id: str
    created: str
    spec: dict[str, Any]
    result: dict[str, Any]
    recorded: bool = False


@dataclass(frozen=True, kw_only=True)
class Job:
    """One piece of work handed to the engine.

    Attributes:
        id: unique.
        kind, key: of the record that it makes when it ends well; `key` is the record's id.
        function: `module:name` of what a worker calls.
        spec: its argument, a JSON object.
        inputs: name -> SHA-256 of the artefacts that it reads.
        lane: which worker may take it, `device` or `light`.
        progress: the newest event's payload, {} before the first.
        state: SHA-256 of the newest resumable state, None before the first.
        error: one line, where it failed.
        owner: the process that runs it.
        created, started, ended: UTC, ISO 8601.
    """

    id: str
    kind: str
    key: str
    function: str
    spec: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)
    lane: str = "device"
    status: JobStatus = JobStatus.QUEUED
    progress: dict[str, Any] = field(default_factory=dict)
    state: str | None = None
    error: str | None = None
    owner: str | None = None
    created: str = ""
    started: str | None = None
    ended: str | None = None
    attempts: int = 0


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that a job told, in the order told (`number` counts from 1 in each job)."""

    job: str
    number: int
    time: str
    payload: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class DeletedRecord:
    """A record in the bin, and since when (UTC, ISO 8601)."""

    record: Record
    deleted: str


@dataclass(frozen=True, kw_only=True)
class SavedItem:
    """Something that a person kept under a name.

    Attributes:
        id: unique; stays when the name changes.
        kind: a word of the caller's, e.g. `schedule`.
        name: unique among the kind's standing ones, whatever the letters' case; at most `LONGEST_NAME` characters.
        content: what was kept, a JSON object.
        created, changed: UTC, ISO 8601.
        deleted: since when it is in the bin; None where it stands.
    """

    id: str
    kind: str
    name: str
    note: str = ""
    tags: tuple[str, ...] = ()
    content: dict[str, Any] = field(default_factory=dict)
    created: str = ""
    changed: str = ""
    deleted: str | None = None
