"""Mapping between the store's values and the rows of its tables; every function runs inside a transaction."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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


def to_record(row: sqlite3.Row) -> Record:
    """The record in a row of `records`."""
    spec, result = json.loads(row["spec"]), json.loads(row["result"])
    return Record(kind=row["kind"], id=row["id"], created=row["created"], spec=spec, result=result)


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
