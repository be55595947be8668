"""Mapping between the store's values and the rows of its tables; every function runs inside a transaction."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from roboreg_core.errors import StoreError
from roboreg_core.store.records import RESTORE_DAYS, Job, JobStatus, Record

UNFINISHED = "status IN ('queued', 'running')"


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


def to_record(row: sqlite3.Row, parts: Sequence[str] | None = None) -> Record:
    """The record in a row of `records`, whose `result` is that of `result_column(parts)`."""
    spec, result = json.loads(row["spec"]), json.loads(row["result"])
    if isinstance(result, list):
        result = _assembled(parts or (), result)
    elif parts is not None:
        result = parts_of(result, parts)
    return Record(kind=row["kind"], id=row["id"], created=row["created"], spec=spec, result=result)


def result_column(parts: Sequence[str] | None) -> str:
    """SQL expression of the column `result`: a JSON list of these parts, or the whole result for None.

    The whole result also where SQLite cannot parse it, because it contains NaN.
    """
    if parts is None:
        return "result"
    if not parts:
        return "'[]' AS result"
    paths = ", ".join(f"'$.{part}'" for part in (*parts, parts[0]))  # a single path would not return a list
    return f"CASE WHEN json_valid(result) THEN json_extract(result, {paths}) ELSE result END AS result"


def parts_of(result: dict[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    """Only these parts of a result, given as paths such as `cost.parameters`, without null values."""
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


def to_job(row: sqlite3.Row) -> Job:
    """The job in a row of `jobs`."""
    fields = {name: value for name, value in dict(row).items() if name != "number"}
    parsed = {name: json.loads(fields[name]) for name in ("spec", "inputs", "progress")}
    return Job(**{**fields, **parsed, "status": JobStatus(fields["status"])})


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


def find_job(db: sqlite3.Connection, job_id: str) -> Job | None:
    """The job with this id, None if there is none."""
    row = db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return to_job(row) if row else None


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
    """Set the SHA-256s of artefacts that `holder`, e.g. `record:ID`, refers to; return those dropped."""
    wanted = set(names)
    before = drop_refs(db, holder)
    db.executemany("INSERT INTO refs VALUES (?, ?)", [(holder, name) for name in sorted(wanted)])
    return before - wanted


def drop_refs(db: sqlite3.Connection, holder: str) -> set[str]:
    """Delete all artefact references of `holder`, e.g. `record:ID`; return the SHA-256s of those artefacts."""
    names = {row["sha"] for row in db.execute("SELECT sha FROM refs WHERE holder = ?", (holder,))}
    db.execute("DELETE FROM refs WHERE holder = ?", (holder,))
    return names
