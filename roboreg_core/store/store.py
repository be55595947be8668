"""The store: records, jobs, events and artefacts, safe for several threads and several processes.

What it promises: a write is whole or it did not happen; a finished job and its record appear together; an artefact that
something refers to is never deleted; shipped records are read in place and never changed.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from roboreg_core.errors import StoreError
from roboreg_core.store import rows
from roboreg_core.store.artifacts import Artifacts
from roboreg_core.store.database import Database
from roboreg_core.store.records import Event, Job, JobStatus, Record
from roboreg_core.store.shipped import ARTIFACTS, Shipped, artifact_names, export

DATABASE = "roboreg.db"

_CHANGEABLE = {"status", "progress", "error", "owner", "started", "ended", "attempts"}
APP_ENDED = "the app ended before the job: resume it to go on from its last saved state"


class Store:
    """Everything kept under one folder, and the shipped records beside it."""

    def __init__(self, home: Path, shipped: Path | None = None) -> None:
        """Open the store in `home` (made where it is missing), in front of the shipped ones in the folder `shipped`.

        Raises:
            StoreError: it cannot be opened, or was made by a newer RoboReg.
        """
        self.home = home
        self.artifacts = Artifacts(home / ARTIFACTS, shipped / ARTIFACTS if shipped else None)
        self._database = Database(home / DATABASE)
        self._shipped = Shipped(shipped)

    def close(self) -> None:
        """Close the idle connections; the store may still be used."""
        self._database.close()

    def version(self) -> int:
        """A number that grows with every change by any process; cheap enough to ask every second."""
        return self._database.version()

    # Records

    def put_record(self, record: Record) -> None:
        """Keep a record in place of the own one with the same id.

        Raises:
            StoreError: an artefact that its result names is not there.
        """
        with self._database.write() as db:
            dropped = self._write_record(db, record)
        self._discard(dropped)

    def get_record(self, record_id: str) -> Record | None:
        """The record with that id, the own one before a shipped one."""
        with self._database.read() as db:
            row = db.execute("SELECT * FROM records WHERE id = ?", (record_id,)).fetchone()
        return rows.to_record(row) if row else self._shipped.records().get(record_id)

    def find_record(self, prefix: str) -> Record:
        """The record whose id is, or alone begins with, `prefix`.

        Raises:
            StoreError: there is none, or several.
        """
        exact = self.get_record(prefix)
        if exact is not None:
            return exact
        if not prefix:
            raise StoreError("a record's id must have at least one character, got none")
        with self._database.read() as db:
            found = db.execute("SELECT id FROM records WHERE substr(id, 1, ?) = ?", (len(prefix), prefix)).fetchall()
        ids = {row["id"] for row in found} | {each for each in self._shipped.records() if each.startswith(prefix)}
        if len(ids) > 1:
            shown = ", ".join(sorted(ids)[:5])
            raise StoreError(f"{len(ids)} records begin with {prefix!r} ({shown}): give more of the id")
        record = self.get_record(ids.pop()) if ids else None
        if record is None:
            raise StoreError(f"no record begins with {prefix!r}: list the records to see their ids")
        return record

    def list_records(self, kind: str | None = None) -> list[Record]:
        """The records of a kind (of every kind for None), own and shipped, newest first."""
        with self._database.read() as db:
            own = [rows.to_record(row) for row in db.execute("SELECT * FROM records ORDER BY number")]
        known = {record.id for record in own}
        every = [each for each in self._shipped.records().values() if each.id not in known] + own
        oldest_first = sorted((each for each in every if kind in (None, each.kind)), key=lambda each: each.created)
        return oldest_first[::-1]

    def delete_record(self, record_id: str) -> None:
        """Delete an own record, the finished jobs that made it, and the artefacts that nothing else refers to.

        Raises:
            StoreError: it is unknown, or ships with the project.
        """
        with self._database.write() as db:
            if not db.execute("DELETE FROM records WHERE id = ?", (record_id,)).rowcount:
                if record_id in self._shipped.records():
                    raise StoreError(f"record {record_id} ships with the project and cannot be deleted")
                raise StoreError(_no_record(record_id))
            dropped = rows.drop_refs(db, f"record:{record_id}")
            jobs = db.execute("SELECT id FROM jobs WHERE key = ? AND status = 'finished'", (record_id,)).fetchall()
            for job in jobs:
                dropped |= rows.delete_job(db, job["id"])
        self._discard(dropped)

    def export_record(self, record_id: str, folder: Path) -> None:
        """Write a record and its artefacts into a folder of shipped records.

        Raises:
            StoreError: it is unknown, an artefact is missing, or the folder cannot be written.
        """
        record = self.get_record(record_id)
        if record is None:
            raise StoreError(_no_record(record_id))
        export(record, self.artifacts, folder)

    # Jobs

    def add_job(self, job: Job) -> Job:
        """Keep a job, unless an unfinished one has the same key; return the one that stands.

        Raises:
            StoreError: an artefact that it reads is not there.
        """
        with self._database.write() as db:
            standing = rows.active(db, job.key)
            if standing is not None:
                return standing
            self._check_artifacts(job.inputs.values(), f"job {job.id}")
            rows.insert(db, "jobs", rows.job_values(job))
            rows.set_refs(db, f"inputs:{job.id}", job.inputs.values())
        return job

    def get_job(self, job_id: str) -> Job | None:
        """The job with that id."""
        with self._database.read() as db:
            return rows.find_job(db, job_id)

    def list_jobs(self, kind: str | None = None) -> list[Job]:
        """The jobs of a kind (of every kind for None), newest first."""
        with self._database.read() as db:
            found = db.execute("SELECT * FROM jobs WHERE ? IS NULL OR kind = ? ORDER BY number DESC", (kind, kind))
            return [rows.to_job(row) for row in found]

    def active_job_for(self, key: str) -> Job | None:
        """The unfinished job that makes the record `key`; there is at most one."""
        with self._database.read() as db:
            return rows.active(db, key)

    def update_job(self, job_id: str, **changes: Any) -> Job:
        """Change some fields of a job: status, progress, error, owner, started, ended, attempts.

        Raises:
            StoreError: the job is unknown, or a field is not one of these.
        """
        unknown = ", ".join(sorted(set(changes) - _CHANGEABLE))
        if unknown:
            raise StoreError(f"a job's {unknown} cannot be changed: only {', '.join(sorted(_CHANGEABLE))}")
        with self._database.write() as db:
            return rows.change_job(db, job_id, changes)

    def claim_job(self, job_id: str, owner: str) -> Job:
        """Queue an ended job again for `owner`; its state and events stay.

        Raises:
            StoreError: it is unknown or cannot be resumed, or another job for the same record is under way.
        """
        with self._database.write() as db:
            job = rows.known_job(db, job_id)
            if not job.status.can_resume:
                raise StoreError(
                    f"job {job_id} is {job.status}: only failed, cancelled or interrupted jobs can be resumed"
                )
            standing = rows.active(db, job.key)
            if standing is not None:
                raise StoreError(f"job {standing.id} is already making the same record: wait for it, or cancel it")
            fresh = {"status": JobStatus.QUEUED, "owner": owner, "error": None, "started": None, "ended": None}
            return rows.change_job(db, job_id, fresh)

    def finish_job(self, job_id: str, record: Record, artifacts: Mapping[str, bytes] | None = None) -> Record:
        """Mark a job finished and keep its record, both or neither; its resumable state is no longer needed and goes.

        `artifacts` are kept too, and their sums added to the record's result as `artifacts`; return the record as kept.

        Raises:
            StoreError: the job is unknown, or the disk is full; the job then stands as before.
        """
        with self._database.write() as db:
            rows.known_job(db, job_id)
            kept = {name: self.artifacts.put(content) for name, content in (artifacts or {}).items()}
            if kept:
                named = {**(record.result.get("artifacts") or {}), **kept}
                record = replace(record, result={**record.result, "artifacts": named})
            dropped = self._write_record(db, record)
            dropped |= rows.drop_refs(db, f"state:{job_id}")
            ended = {"status": JobStatus.FINISHED, "ended": rows.now(), "error": None, "state": None}
            rows.change_job(db, job_id, ended)
        self._discard(dropped)
        return replace(record, recorded=False)

    def delete_job(self, job_id: str) -> None:
        """Forget an ended job with its events and saved state; its record stays.

        Raises:
            StoreError: it is unknown or under way.
        """
        with self._database.write() as db:
            job = rows.known_job(db, job_id)
            if not job.status.is_ended:
                raise StoreError(f"job {job_id} is {job.status}: cancel it first")
            dropped = rows.delete_job(db, job_id)
        self._discard(dropped)

    def set_state(self, job_id: str, state: bytes) -> str:
        """Keep a job's newest resumable state in place of the one before; return its SHA-256.

        Raises:
            StoreError: the job is unknown, or the disk is full.
        """
        with self._database.write() as db:
            rows.known_job(db, job_id)
            name = self.artifacts.put(state)
            dropped = rows.set_refs(db, f"state:{job_id}", [name])
            rows.change_job(db, job_id, {"state": name})
        self._discard(dropped)
        return name

    def mark_interrupted(self, owner_alive: Callable[[str], bool]) -> list[Job]:
        """Mark the unfinished jobs whose owner is gone as interrupted, and return them."""
        with self._database.read() as db:
            found = db.execute(f"SELECT * FROM jobs WHERE {rows.UNFINISHED}").fetchall()
        orphans = [job for job in map(rows.to_job, found) if job.owner is None or not owner_alive(job.owner)]
        if not orphans:
            return []
        marked = []
        with self._database.write() as db:
            for orphan in orphans:
                now = rows.find_job(db, orphan.id)
                if now is not None and not now.status.is_ended and now.owner == orphan.owner:
                    changes = {"status": JobStatus.INTERRUPTED, "ended": rows.now(), "error": APP_ENDED}
                    marked.append(rows.change_job(db, now.id, changes))
        return marked

    # Events

    def add_event(self, job_id: str, payload: dict[str, Any], *, progress: bool = True) -> Event:
        """Keep one thing that a job told; it becomes the job's `progress` unless `progress` is False.

        Raises:
            StoreError: the job is unknown.
        """
        with self._database.write() as db:
            rows.known_job(db, job_id)
            query = "SELECT coalesce(max(number), 0) + 1 FROM events WHERE job = ?"
            number = int(db.execute(query, (job_id,)).fetchone()[0])
            event = Event(job=job_id, number=number, time=rows.now(), payload=payload)
            rows.insert(db, "events", rows.event_values(event))
            if progress:
                rows.change_job(db, job_id, {"progress": payload})
        return event

    def list_events(self, job_id: str, after: int = 0) -> list[Event]:
        """What a job told since its event number `after`, oldest first."""
        with self._database.read() as db:
            found = db.execute("SELECT * FROM events WHERE job = ? AND number > ? ORDER BY number", (job_id, after))
            return [rows.to_event(row) for row in found]

    # Owners and upkeep

    def beat(self, owner: str) -> None:
        """Note that `owner` lives; the change counter stays."""
        with self._database.write(quiet=True) as db:
            db.execute("INSERT OR REPLACE INTO owners VALUES (?, ?)", (owner, time.time()))
            db.execute("DELETE FROM owners WHERE seen < ?", (time.time() - 86400,))

    def last_beat(self, owner: str) -> float | None:
        """Seconds since `owner` last gave a sign of life, None where it never did."""
        with self._database.read() as db:
            row = db.execute("SELECT seen FROM owners WHERE owner = ?", (owner,)).fetchone()
        return max(0.0, time.time() - row["seen"]) if row else None

    def sweep(self) -> list[str]:
        """Delete old artefact files that nothing refers to, e.g. left by a crash; return their names."""
        with self._database.write(quiet=True) as db:  # no one may begin to refer to a file meanwhile
            return self.artifacts.sweep({row["sha"] for row in db.execute("SELECT sha FROM refs")})

    def _write_record(self, db: sqlite3.Connection, record: Record) -> set[str]:
        """Insert or replace the record; return the artefacts that it no longer refers to."""
        names = artifact_names(record.result)
        self._check_artifacts(names, f"record {record.id}")
        db.execute("DELETE FROM records WHERE id = ?", (record.id,))
        rows.insert(db, "records", rows.record_values(record))
        return rows.set_refs(db, f"record:{record.id}", names)

    def _check_artifacts(self, names: Iterable[str], holder: str) -> None:
        for name in names:
            if name not in self.artifacts:
                raise StoreError(f"{holder} names artefact {name}, which is missing: put it first")

    def _discard(self, names: set[str]) -> None:
        """Delete the files that nothing refers to any more; under the write lock, so that no one begins to."""
        if not names:
            return
        with self._database.write(quiet=True) as db:
            for name in names:
                if not db.execute("SELECT 1 FROM refs WHERE sha = ?", (name,)).fetchone():
                    self.artifacts.discard(name)


def _no_record(record_id: str) -> str:
    return f"there is no record {record_id}: list the records to see their ids"
