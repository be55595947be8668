"""The values held by the store."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# Deleted items can be restored for this many days.
RESTORE_DAYS = 30
LONGEST_NAME = 80


class JobStatus(StrEnum):
    """Status of a job.

    `interrupted` is a job whose app ended before it did. Failed, cancelled and interrupted jobs can be resumed, from
    the last saved state if there is one.
    """

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_ended(self) -> bool:
        """True unless the job is queued or running."""
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)

    @property
    def can_resume(self) -> bool:
        """True if the job can be queued again."""
        return self in (JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.INTERRUPTED)


@dataclass(frozen=True, kw_only=True)
class Record:
    """Stored result with its specification, e.g. of a run.

    Attributes:
        kind: chosen by the caller, e.g. `run`.
        id: hash of everything that determines the result.
        created: UTC, ISO 8601.
        spec: specification, a JSON object.
        result: a JSON object.
        recorded: True for an example record; such records are read-only.
    """

    kind: str
    id: str
    created: str
    spec: dict[str, Any]
    result: dict[str, Any]
    recorded: bool = False


@dataclass(frozen=True, kw_only=True)
class Job:
    """Work for the job engine.

    Attributes:
        id: unique.
        kind: kind of the record that it makes.
        key: id of the record that it makes.
        function: `module:name` of the task function.
        spec: argument of the function, a JSON object.
        inputs: name -> SHA-256 of an artefact that it reads.
        lane: queue of one kind of worker, `device` or `light`.
        status: see `JobStatus`.
        progress: newest progress that the function reported, {} before the first.
        state: SHA-256 of the newest saved state, from which the job can resume; None before the first.
        error: one line, for a failed or interrupted job.
        owner: process that runs it, see `store.owners`.
        created, started, ended: UTC, ISO 8601.
        attempts: number of times that a worker started it.
        author: name of the person who started or resumed it, None without a login.
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
    author: str | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of the job with the id `job`; `number` counts from 1 within the job, `time` is UTC, ISO 8601."""

    job: str
    number: int
    time: str
    payload: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class DeletedRecord:
    """A deleted record, the time of its deletion (UTC, ISO 8601), and who deleted it (None without a login)."""

    record: Record
    deleted: str
    deleted_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class SavedItem:
    """An item saved by a user under a name.

    Attributes:
        id: unique, independent of the name.
        kind: chosen by the caller, e.g. `schedule`.
        name: unique (case-insensitive) among the kind's items that are not deleted; at most `LONGEST_NAME` characters.
        note, tags: set by the user.
        content: a JSON object.
        created, changed: UTC, ISO 8601.
        deleted, deleted_by: time of deletion and who did it; None if it is not deleted.
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
    deleted_by: str | None = None
