"""Mapping between the store's values and the rows of its tables; every function runs inside a transaction."""

import json
import re
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from roboreg_core.errors import RoboRegError, StoreError
from roboreg_core.store.records import RESTORE_DAYS, Event, Job, JobStatus, Record, SavedItem
from roboreg_core.store.shapes import Shape, check_shape

# Checks of the records, jobs and saved items of a kind, by table and kind: they raise an exception for a damaged one.
# That of a record also gets the parts of its result that were read, see `record_columns`.
Checks = Mapping[tuple[str, str], Callable[..., object]]
NO_CHECKS: Checks = {}
Value = TypeVar("Value")

RESTORE = "restore the store from a backup"
SET_ASIDE = f"{RESTORE}, or set it aside: python -m roboreg_core store check --set-aside"
ARTIFACT_NAME = re.compile(r"[0-9a-f]{64}")
_TIMES = ("created", "changed", "deleted", "started", "ended", "time")
RECORD_SHAPE: dict[str, Shape] = {"id": str, "kind": str, "created": str, "spec": {}, "result": str}
JOB_SHAPE: dict[str, Shape] = {
    **dict.fromkeys(("id", "kind", "key", "function", "lane", "status", "created"), str),
    **{name: {} for name in ("spec", "inputs", "progress")},
    **dict.fromkeys(("state", "error", "owner", "started", "ended"), (str, type(None))),
    "attempts": int,
}
SAVED_SHAPE: dict[str, Shape] = {
    **dict.fromkeys(("id", "kind", "name", "note", "created", "changed"), str),
    "tags": [str],
    "content": {},
    "deleted": (str, type(None)),
}
EVENT_SHAPE: dict[str, Shape] = {"job": str, "number": int, "time": str, "payload": {}}
# The columns of a record in its checksum.
_SUMMED = ("id", "kind", "created", "spec", "result")
UNFINISHED = "status IN ('queued', 'running')"


class DamagedRowError(StoreError):
    """A row of the database cannot be read."""


def now() -> str:
    """The current time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def restorable_since() -> str:
    """Earliest time of deletion (ISO 8601) of the items that can still be restored."""
    return (datetime.now(UTC) - timedelta(days=RESTORE_DAYS)).isoformat(timespec="milliseconds")


def insert(db: sqlite3.Connection, table: str, values: dict[str, Any]) -> None:
    """Insert a row into `table`; `values` are by column name."""
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", values)


def checksum(*values: bytes | str | None) -> int:
    """CRC-32 of the values of a row; also an SQL function of each connection."""
    found = 0
    for value in values:
        content = value.encode(errors="surrogateescape") if isinstance(value, str) else value or b""
        found = zlib.crc32(content + b"\0", found)
    return found


def to_record(row: sqlite3.Row, parts: Sequence[str] | None = None, checks: Checks = NO_CHECKS) -> Record:
    """The record in a row of the table `records`, selected with all columns or, given `parts`, `record_columns(parts)`.

    Raises `DamagedRowError`: it cannot be read, differs from its checksum, or fails the check of its kind in `checks`.
    """
    with _damage_named("record", row):
        values = _values(row, RECORD_SHAPE)
        result = json.loads(values["result"])
        if isinstance(result, list) and parts is not None:
            result = _assembled(parts, result)
        elif parts is not None:
            result = parts_of(result, parts)
        check_shape(result, {}, "result")
        _check_artifact_names(result.get("artifacts") or {})
        names = ("kind", "id", "created", "spec")
        record = Record(**{name: values[name] for name in names}, result=result)
        check = checks.get(("records", record.kind))
        if check is not None:
            check(record, parts)
        if not (row["intact"] if parts is not None else _is_intact(row)):
            raise ValueError("its content differs from its checksum")
    return record


def _is_intact(row: sqlite3.Row) -> bool:
    return row["checksum"] in (None, checksum(*(row[name] for name in _SUMMED)))


def record_columns(parts: Sequence[str] | None) -> str:
    """SQL expressions to select the columns of a record.

    With `parts` None, `result` is the whole result; else it is a JSON list of the values at these paths, or the whole
    result if SQLite cannot parse it because it contains NaN. Then `intact` is true if the row matches its checksum;
    for an empty `parts` it is always true.
    """
    if parts is None:
        return f"{', '.join(_SUMMED)}, checksum"
    if not parts:
        return "id, kind, created, spec, '[]' AS result, 1 AS intact"
    paths = ", ".join(f"'$.{part}'" for part in (*parts, parts[0]))  # a single path would not return a list
    result = f"CASE WHEN json_valid(result) THEN json_extract(result, {paths}) ELSE result END AS result"
    contents = ", ".join(f"CAST({name} AS BLOB)" for name in _SUMMED)
    return f"id, kind, created, spec, {result}, checksum IS NULL OR checksum = checksum({contents}) AS intact"


def parts_of(result: dict[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    """Nested dict of the values of a result at paths such as `cost.parameters`; None values are left out."""
    values = []
    for holders, last in _paths(tuple(parts)):
        value: Any = result
        for name in (*holders, last):
            value = value.get(name) if isinstance(value, dict) else None
        values.append(value)
    return _assembled(parts, values)


def _assembled(parts: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """A result with the values at the paths."""
    result: dict[str, Any] = {}
    # SQLite's list has the first value once more at its end.
    for (holders, last), value in zip(_paths(tuple(parts)), values, strict=False):
        if value is not None:
            holder = result
            for name in holders:
                holder = holder.setdefault(name, {})
            holder[last] = value
    return result


@lru_cache(maxsize=32)
def _paths(parts: tuple[str, ...]) -> list[tuple[list[str], str]]:
    """Each path as the names of the objects that hold the value, and the value's own name."""
    names = (part.split(".") for part in parts)
    return [(each[:-1], each[-1]) for each in names]


def to_job(row: sqlite3.Row, checks: Checks = NO_CHECKS) -> Job:
    """The job in a row of `jobs`.

    Raises `DamagedRowError`: it cannot be read, or fails the check of its kind in `checks`.
    """
    with _damage_named("job", row):
        values = _values(row, JOB_SHAPE)
        _check_artifact_names(values["inputs"])
        values["status"] = JobStatus(values["status"])
        job = Job(**{name: value for name, value in values.items() if name != "number"})
        if (check := checks.get(("jobs", job.kind))) is not None:
            check(job)
    return job


def to_saved(row: sqlite3.Row, checks: Checks = NO_CHECKS) -> SavedItem:
    """The item in a row of `saved`.

    Raises `DamagedRowError`: it cannot be read, or fails the check of its kind in `checks`.
    """
    with _damage_named("saved item", row):
        values = _values(row, SAVED_SHAPE)
        values["tags"] = tuple(values["tags"])
        item = SavedItem(**{name: value for name, value in values.items() if name not in ("number", "folded")})
        if (check := checks.get(("saved", item.kind))) is not None:
            check(item)
    return item


def to_event(row: sqlite3.Row) -> Event:
    """The event in a row of `events`. Raises `DamagedRowError`: it cannot be read."""
    with _damage_named("event", row):
        return Event(**_values(row, EVENT_SHAPE))


def readable(rows: Iterable[sqlite3.Row], read: Callable[[sqlite3.Row], Value]) -> list[Value]:
    """The values that `read` returns for the rows, without those for which it raises `DamagedRowError`."""
    found = []
    for row in rows:
        with suppress(DamagedRowError):
            found.append(read(row))
    return found


def damage(rows: Iterable[sqlite3.Row], read: Callable[[sqlite3.Row], object]) -> list[tuple[sqlite3.Row, str]]:
    """The rows for which `read` raises `DamagedRowError`, each with the error's message: reason and remedy."""
    found = []
    for row in rows:
        try:
            read(row)
        except DamagedRowError as error:
            found.append((row, str(error)))
    return found


def damaged(what: str, row: sqlite3.Row, error: Exception) -> DamagedRowError:
    """The error for a damaged row; `what` is its kind, e.g. `record` or `event`, `error` the reason."""
    name = f"{row['job']}-{row['number']}" if what == "event" else row["id"]
    reason = " ".join(str(error).split())[:160]
    return DamagedRowError(f"{what} {name!s:.80} is damaged ({reason}): {SET_ASIDE}")


@contextmanager
def _damage_named(what: str, row: sqlite3.Row) -> Iterator[None]:
    try:
        yield
    except (RoboRegError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise damaged(what, row, error) from error


def _values(row: sqlite3.Row, shape: dict[str, Shape]) -> dict[str, Any]:
    """The row's values, with those parsed from JSON that are objects or lists in `shape`."""
    values = dict(row)
    for name, value in values.items():
        if isinstance(value, str):
            value.encode()  # fails for bytes that are not UTF-8
        if isinstance(shape.get(name), dict | list):
            values[name] = json.loads(value)
        if name in _TIMES and value:
            datetime.fromisoformat(value)
    check_shape(values, shape)
    return values


def _check_artifact_names(named: dict[str, Any]) -> None:
    for name in named.values():
        if not ARTIFACT_NAME.fullmatch(str(name)):
            raise ValueError(f"an artefact's name must be 64 hexadecimal digits, got {str(name)[:80]!r}")


def job_values(value: Job) -> dict[str, Any]:
    """A job's row in the table `jobs`, as values by column name."""
    texts = {name: text(getattr(value, name)) for name in ("spec", "inputs", "progress")}
    return {**vars(value), **texts, "status": JobStatus(value.status).value}


def text(value: dict[str, Any]) -> str:
    """The value as JSON text. Raises `StoreError`: it is not serialisable."""
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise StoreError(f"only JSON can be stored ({error}): use numbers, strings, lists and objects") from error


def find_job(db: sqlite3.Connection, job_id: str, checks: Checks = NO_CHECKS) -> Job | None:
    """The job with this id, None if there is none."""
    row = db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return to_job(row, checks) if row else None


def known_job(db: sqlite3.Connection, job_id: str) -> Job:
    """The job with this id. Raises `StoreError`: it is unknown."""
    job = find_job(db, job_id)
    if job is None:
        raise StoreError(f"there is no job {job_id}: list the jobs to see their ids")
    return job


def active(db: sqlite3.Connection, key: str) -> Job | None:
    """The unfinished job that makes the record with the id `key`, None if there is none."""
    row = db.execute(f"SELECT * FROM jobs WHERE key = ? AND {UNFINISHED}", (key,)).fetchone()
    return to_job(row) if row else None


def change_job(db: sqlite3.Connection, job_id: str, changes: Mapping[str, Any]) -> Job:
    """Set fields of a job by name in a write transaction; return the job. Raises `StoreError`: it is unknown."""
    job = replace(known_job(db, job_id), **changes)
    values = {name: value for name, value in job_values(job).items() if name in changes}
    if values:
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        db.execute(f"UPDATE jobs SET {assignments} WHERE id = :id", {**values, "id": job_id})
    return job


def delete_job(db: sqlite3.Connection, job_id: str) -> set[str]:
    """Delete a job with its events; return the SHA-256s of the artefacts it referred to."""
    db.execute("DELETE FROM events WHERE job = ?", (job_id,))
    db.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
    return drop_refs(db, f"inputs:{job_id}") | drop_refs(db, f"state:{job_id}")


def set_refs(db: sqlite3.Connection, holder: str, names: Iterable[str]) -> set[str]:
    """Set the SHA-256s `names` of the artefacts that `holder`, e.g. `record:ID`, refers to; return those removed."""
    wanted = set(names)
    before = drop_refs(db, holder)
    db.executemany("INSERT INTO refs VALUES (?, ?)", [(holder, name) for name in sorted(wanted)])
    return before - wanted


def drop_refs(db: sqlite3.Connection, holder: str) -> set[str]:
    """Delete all artefact references of `holder`, e.g. `record:ID`; return the SHA-256s of those artefacts."""
    names = {row["sha"] for row in db.execute("SELECT sha FROM refs WHERE holder = ?", (holder,))}
    db.execute("DELETE FROM refs WHERE holder = ?", (holder,))
    return names
