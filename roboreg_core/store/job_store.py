"""The part of the store that holds jobs and their events."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from roboreg_core.errors import StoreError
from roboreg_core.store import row_mapping
from roboreg_core.store.record_store import RecordStore
from roboreg_core.store.records import Event, Job, JobStatus, Record

_CHANGEABLE = {"status", "progress", "error", "owner", "started", "ended", "attempts"}
_CHOSEN = "(:kind IS NULL OR kind = :kind) AND (:key IS NULL OR key = :key)"
# Condition on the jobs in a list, by the status required of them.
_WITH = {
    None: _CHOSEN,
    True: f"{_CHOSEN} AND NOT {row_mapping.UNFINISHED}",
    False: f"{_CHOSEN} AND {row_mapping.UNFINISHED}",
}
APP_ENDED = "the app ended before the job: resume it to continue from its last saved state"


class JobStore(RecordStore):
    """Jobs, their events, and the records that they make."""

    def add_job(self, job: Job) -> Job:
        """Store a job and return it; if an unfinished job makes the same record (same `key`), return that one instead.

        Raises `StoreError`: an input artefact is missing.
        """
        with self._database.write() as db:
            active = row_mapping.active(db, job.key)
            if active is not None:
                return active
            self._check_artifacts(job.inputs.values(), f"job {job.id}")
            row_mapping.insert(db, "jobs", row_mapping.job_values(job))
            row_mapping.set_refs(db, f"inputs:{job.id}", job.inputs.values())
        return job

    def get_job(self, job_id: str) -> Job | None:
        """The job with this id, None if there is none."""
        with self._database.read() as db:
            return row_mapping.find_job(db, job_id, self._checks)

    def list_jobs(
        self,
        kind: str | None = None,
        *,
        key: str | None = None,
        ended: bool | None = None,
        newest: int | None = None,
    ) -> list[Job]:
        """The jobs of a kind, newest first, without damaged ones.

        Args:
            kind: kind of the record that a job makes; None for all kinds.
            key: id of the record that a job makes; None for all records.
            ended: True for ended jobs only, False for unfinished ones only, None for both.
            newest: maximum number of jobs; None for all.
        """
        query = f"SELECT * FROM jobs WHERE {_WITH[ended]} ORDER BY number DESC LIMIT :newest"
        values = {"kind": kind, "key": key, "newest": -1 if newest is None else newest}
        with self._database.read() as db:
            return row_mapping.readable(db.execute(query, values), self._to_job)

    def count_jobs(self, kind: str | None = None, *, ended: bool | None = None) -> int:
        """Number of jobs of a kind, damaged ones included; arguments as for `list_jobs`."""
        with self._database.read() as db:
            query = f"SELECT count(*) FROM jobs WHERE {_WITH[ended]}"
            return int(db.execute(query, {"kind": kind, "key": None}).fetchone()[0])

    def active_job_for(self, key: str) -> Job | None:
        """The unfinished job that makes the record with the id `key`, None if there is none."""
        with self._database.read() as db:
            return row_mapping.active(db, key)

    def update_job(self, job_id: str, **changes: Any) -> Job:
        """Set fields of a job: status, progress, error, owner, started, ended, attempts; return the job.

        Raises `StoreError`: the job is unknown, or another field is given.
        """
        unknown = ", ".join(sorted(set(changes) - _CHANGEABLE))
        if unknown:
            raise StoreError(f"a job's {unknown} cannot be changed: only {', '.join(sorted(_CHANGEABLE))}")
        with self._database.write() as db:
            return row_mapping.change_job(db, job_id, changes)

    def claim_job(self, job_id: str, owner: str) -> Job:
        """Queue an ended job again for the engine `owner`, keeping its saved state and events; return the job.

        Raises `StoreError`: it is unknown or cannot be resumed, or another job for the same record is unfinished.
        """
        author = self._database.author()
        with self._database.write() as db:
            job = row_mapping.known_job(db, job_id)
            if not job.status.can_resume:
                raise StoreError(
                    f"job {job_id} is {job.status}: only failed, cancelled or interrupted jobs can be resumed"
                )
            active = row_mapping.active(db, job.key)
            if active is not None:
                raise StoreError(f"job {active.id} is already making the same record: wait for it, or cancel it")
            fresh = {"status": JobStatus.QUEUED, "owner": owner, "error": None, "started": None, "ended": None}
            return row_mapping.change_job(db, job_id, {**fresh, "author": author})

    def finish_job(self, job_id: str, record: Record, artifacts: Mapping[str, bytes] | None = None) -> Record:
        """Mark a job finished, store its record and delete its state, in one transaction; return the stored record.

        `artifacts` (bytes by name) are stored; their SHA-256s by name are added to `artifacts` in the record's result.

        Raises `StoreError`: the job is unknown, or the disk is full; nothing is changed.
        """
        with self._database.write() as db:
            row_mapping.known_job(db, job_id)
            added = {name: self.artifacts.put(content) for name, content in (artifacts or {}).items()}
            if added:
                named = {**(record.result.get("artifacts") or {}), **added}
                record = replace(record, result={**record.result, "artifacts": named})
            dropped = self._write_record(db, record)
            dropped |= row_mapping.drop_refs(db, f"state:{job_id}")
            ended = {"status": JobStatus.FINISHED, "ended": row_mapping.now(), "error": None, "state": None}
            row_mapping.change_job(db, job_id, ended)
        self._discard(dropped)
        return replace(record, recorded=False)

    def delete_job(self, job_id: str) -> None:
        """Delete an ended job with its events and state; its record stays.

        Raises `StoreError`: it is unknown or unfinished.
        """
        with self._database.write() as db:
            job = row_mapping.known_job(db, job_id)
            if not job.status.is_ended:
                raise StoreError(f"job {job_id} is {job.status}: cancel it first")
            dropped = row_mapping.delete_job(db, job_id)
        self._discard(dropped)

    def set_state(self, job_id: str, state: bytes) -> str:
        """Replace a job's resumable state; return its SHA-256.

        Raises `StoreError`: the job is unknown, or the disk is full.
        """
        with self._database.write() as db:
            row_mapping.known_job(db, job_id)
            name = self.artifacts.put(state)
            dropped = row_mapping.set_refs(db, f"state:{job_id}", [name])
            row_mapping.change_job(db, job_id, {"state": name})
        self._discard(dropped)
        return name

    def mark_interrupted(self, owner_alive: Callable[[str], bool]) -> list[Job]:
        """Mark unfinished jobs as interrupted whose engine is gone, and return them.

        `owner_alive` takes a job's `owner` and returns False if that engine has ended.
        """
        with self._database.read() as db:
            found = db.execute(f"SELECT * FROM jobs WHERE {row_mapping.UNFINISHED}").fetchall()
        jobs = row_mapping.readable(found, row_mapping.to_job)
        orphans = [job for job in jobs if job.owner is None or not owner_alive(job.owner)]
        if not orphans:
            return []
        marked = []
        with self._database.write() as db:
            for orphan in orphans:
                now = row_mapping.find_job(db, orphan.id)
                if now is not None and not now.status.is_ended and now.owner == orphan.owner:
                    changes = {"status": JobStatus.INTERRUPTED, "ended": row_mapping.now(), "error": APP_ENDED}
                    marked.append(row_mapping.change_job(db, now.id, changes))
        return marked

    # Events

    def add_event(self, job_id: str, payload: dict[str, Any], *, progress: bool = True) -> Event:
        """Store an event of a job; its payload becomes the job's progress unless `progress` is False.

        Raises `StoreError`: the job is unknown.
        """
        with self._database.write() as db:
            row_mapping.known_job(db, job_id)
            query = "SELECT coalesce(max(number), 0) + 1 FROM events WHERE job = ?"
            number = int(db.execute(query, (job_id,)).fetchone()[0])
            event = Event(job=job_id, number=number, time=row_mapping.now(), payload=payload)
            row_mapping.insert(db, "events", {**vars(event), "payload": row_mapping.text(payload)})
            if progress:
                row_mapping.change_job(db, job_id, {"progress": payload})
        return event

    def list_events(self, job_id: str) -> list[Event]:
        """The events of a job, oldest first."""
        with self._database.read() as db:
            found = db.execute("SELECT * FROM events WHERE job = ? ORDER BY number", (job_id,))
            return row_mapping.readable(found, row_mapping.to_event)

    def _to_job(self, row: sqlite3.Row) -> Job:
        return row_mapping.to_job(row, self._checks)
