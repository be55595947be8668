"""The part of the store that keeps jobs and what they tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from roboreg_core.errors import StoreError
from roboreg_core.store import row_mapping
from roboreg_core.store.record_store import RecordStore
from roboreg_core.store.records import Event, Job, JobStatus, Record

_CHANGEABLE = {"status", "progress", "error", "owner", "started", "ended", "attempts"}
APP_ENDED = "the app ended before the job: resume it to go on from its last saved state"


class JobStore(RecordStore):
    """Jobs and their events beside the records that they make."""

    def add_job(self, job: Job) -> Job:
        """Keep a job, unless an unfinished one has the same key; return the one that stands.

        Raises:
            StoreError: an artefact that it reads is not there.
        """
        with self._database.write() as db:
            standing = row_mapping.active(db, job.key)
            if standing is not None:
                return standing
            self._check_artifacts(job.inputs.values(), f"job {job.id}")
            row_mapping.insert(db, "jobs", row_mapping.job_values(job))
            row_mapping.set_refs(db, f"inputs:{job.id}", job.inputs.values())
        return job

    def get_job(self, job_id: str) -> Job | None:
        """The job with that id."""
        with self._database.read() as db:
            return row_mapping.find_job(db, job_id)

    def list_jobs(self, kind: str | None = None) -> list[Job]:
        """The jobs of a kind (of every kind for None), newest first."""
        with self._database.read() as db:
            found = db.execute("SELECT * FROM jobs WHERE ? IS NULL OR kind = ? ORDER BY number DESC", (kind, kind))
            return [row_mapping.to_job(row) for row in found]

    def active_job_for(self, key: str) -> Job | None:
        """The unfinished job that makes the record `key`; there is at most one."""
        with self._database.read() as db:
            return row_mapping.active(db, key)

    def update_job(self, job_id: str, **changes: Any) -> Job:
        """Change some fields of a job: status, progress, error, owner, started, ended, attempts.

        Raises:
            StoreError: the job is unknown, or a field is not one of these.
        """
        unknown = ", ".join(sorted(set(changes) - _CHANGEABLE))
        if unknown:
            raise StoreError(f"a job's {unknown} cannot be changed: only {', '.join(sorted(_CHANGEABLE))}")
        with self._database.write() as db:
            return row_mapping.change_job(db, job_id, changes)

    def claim_job(self, job_id: str, owner: str) -> Job:
        """Queue an ended job again for `owner`; its state and events stay.

        Raises:
            StoreError: it is unknown or cannot be resumed, or another job for the same record is under way.
        """
        with self._database.write() as db:
            job = row_mapping.known_job(db, job_id)
            if not job.status.can_resume:
                raise StoreError(
                    f"job {job_id} is {job.status}: only failed, cancelled or interrupted jobs can be resumed"
                )
            standing = row_mapping.active(db, job.key)
            if standing is not None:
                raise StoreError(f"job {standing.id} is already making the same record: wait for it, or cancel it")
            fresh = {"status": JobStatus.QUEUED, "owner": owner, "error": None, "started": None, "ended": None}
            return row_mapping.change_job(db, job_id, fresh)

    def finish_job(self, job_id: str, record: Record, artifacts: Mapping[str, bytes] | None = None) -> Record:
        """Mark a job finished and keep its record, both or neither; its resumable state is no longer needed and goes.

        `artifacts` are kept too, and their sums added to the record's result as `artifacts`; return the record as kept.

        Raises:
            StoreError: the job is unknown, or the disk is full; the job then stands as before.
        """
        with self._database.write() as db:
            row_mapping.known_job(db, job_id)
            kept = {name: self.artifacts.put(content) for name, content in (artifacts or {}).items()}
            if kept:
                named = {**(record.result.get("artifacts") or {}), **kept}
                record = replace(record, result={**record.result, "artifacts": named})
            dropped = self._write_record(db, record)
            dropped |= row_mapping.drop_refs(db, f"state:{job_id}")
            ended = {"status": JobStatus.FINISHED, "ended": row_mapping.now(), "error": None, "state": None}
            row_mapping.change_job(db, job_id, ended)
        self._discard(dropped)
        return replace(record, recorded=False)

    def delete_job(self, job_id: str) -> None:
        """Forget an ended job with its events and saved state; its record stays.

        Raises:
            StoreError: it is unknown or under way.
        """
        with self._database.write() as db:
            job = row_mapping.known_job(db, job_id)
            if not job.status.is_ended:
                raise StoreError(f"job {job_id} is {job.status}: cancel it first")
            dropped = row_mapping.delete_job(db, job_id)
        self._discard(dropped)

    def set_state(self, job_id: str, state: bytes) -> str:
        """Keep a job's newest resumable state in place of the one before; return its SHA-256.

        Raises:
            StoreError: the job is unknown, or the disk is full.
        """
        with self._database.write() as db:
            row_mapping.known_job(db, job_id)
            name = self.artifacts.put(state)
            dropped = row_mapping.set_refs(db, f"state:{job_id}", [name])
            row_mapping.change_job(db, job_id, {"state": name})
        self._discard(dropped)
        return name

    def mark_interrupted(self, owner_alive: Callable[[str], bool]) -> list[Job]:
        """Mark the unfinished jobs whose owner is gone as interrupted, and return them."""
        with self._database.read() as db:
            found = db.execute(f"SELECT * FROM jobs WHERE {row_mapping.UNFINISHED}").fetchall()
        orphans = [job for job in map(row_mapping.to_job, found) if job.owner is None or not owner_alive(job.owner)]
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
        """Keep one thing that a job told; it becomes the job's `progress` unless `progress` is False.

        Raises:
            StoreError: the job is unknown.
        """
        with self._database.write() as db:
            row_mapping.known_job(db, job_id)
            query = "SELECT coalesce(max(number), 0) + 1 FROM events WHERE job = ?"
            number = int(db.execute(query, (job_id,)).fetchone()[0])
            event = Event(job=job_id, number=number, time=row_mapping.now(), payload=payload)
            row_mapping.insert(db, "events", row_mapping.event_values(event))
            if progress:
                row_mapping.change_job(db, job_id, {"progress": payload})
        return event

    def list_events(self, job_id: str) -> list[Event]:
        """What a job told, oldest first."""
        with self._database.read() as db:
            found = db.execute("SELECT * FROM events WHERE job = ? ORDER BY number", (job_id,))
            return [row_mapping.to_event(row) for row in found]
