"""The store: records, jobs, events, artefacts and saved items, safe for several threads and processes.

Guarantees: writes are atomic; a finished job and its record appear together; a referenced artefact is never deleted;
example records are never changed.
"""

import json
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from roboreg_core.store import maintenance, record_store, row_mapping
from roboreg_core.store.artifacts import SWEEP_AGE
from roboreg_core.store.job_store import JobStore
from roboreg_core.store.maintenance import Space
from roboreg_core.store.row_mapping import NO_CHECKS, Checks
from roboreg_core.store.saved_items import SavedItems


class Store(JobStore):
    """All data in the folder `home`, and the read-only example records in the folder `shipped`, if any.

    Attributes:
        saved: items saved under names.
    """

    def __init__(
        self,
        home: Path,
        shipped: Path | None = None,
        checks: Checks = NO_CHECKS,
        author: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Open or create the store.

        An example record is hidden by a record of the store with the same id.

        Args:
            home: folder of the store.
            shipped: folder of the example records; None for no examples.
            checks: raise an exception for damaged records, jobs and saved items, see `row_mapping.Checks`.
            author: called in the calling thread before each write of records, jobs, saved items and artefacts.
                Returns the name of the person who writes, or None; raises `AccessError` if that person may not write.

        Raises `StoreError`: it cannot be opened, or was made by a newer RoboReg.
        """
        super().__init__(home, shipped, checks, author)
        self.saved = SavedItems(self._database, checks)
        # Number, id and end of the ended jobs that are not damaged, as last read by `damage`.
        self._whole_jobs: set[tuple[int, str, str | None]] = set()

    def beat(self, owner: str) -> None:
        """Store the current time as the heartbeat of the engine `owner`; `version` stays the same."""
        with self._database.write(quiet=True) as db:
            db.execute("INSERT OR REPLACE INTO owners VALUES (?, ?)", (owner, time.time()))
            db.execute("DELETE FROM owners WHERE seen < ?", (time.time() - 86400,))

    def last_beat(self, owner: str) -> float | None:
        """Seconds since the last heartbeat of the engine `owner`, None if there is none."""
        with self._database.read() as db:
            row = db.execute("SELECT seen FROM owners WHERE owner = ?", (owner,)).fetchone()
        return max(0.0, time.time() - row["seen"]) if row else None

    def damage(self, *, with_jobs: bool = True) -> list[str]:
        """Damaged records (among those listed so far), jobs and saved items: one sentence with cause and remedy each.

        Args:
            with_jobs: False to skip jobs; the first call with True reads all of them, which takes 0.1 ms per job.
        """
        with self._database.read() as db:
            rows = set(record_store.rows_of(db))
            lists = [found.items() for found in self._lists.values()]
            records = dict.fromkeys(
                each.damage for found in lists for row, each in found if each.damage and row in rows
            )
            jobs = self._damaged_jobs(db) if with_jobs else []
            saved = row_mapping.damage(db.execute("SELECT * FROM saved WHERE deleted IS NULL"), self.saved.read)
        return [*records, *(reason for _, reason in jobs + saved)]

    def _damaged_jobs(self, db: sqlite3.Connection) -> list[tuple[sqlite3.Row, str]]:
        query = f"SELECT number, id, ended FROM jobs WHERE NOT {row_mapping.UNFINISHED}"
        ended = {(row["number"], row["id"], row["ended"]) for row in db.execute(query)}
        known = json.dumps([number for number, *_ in ended & self._whole_jobs])
        query = "SELECT * FROM jobs WHERE number NOT IN (SELECT value FROM json_each(?))"
        jobs = row_mapping.damage(db.execute(query, (known,)), self._to_job)
        self._whole_jobs = ended - {(row["number"], row["id"], row["ended"]) for row, _ in jobs}
        return jobs

    def usage(self) -> dict[str, Space]:
        """Number and size of the files by part of the store; see `maintenance.usage`."""
        with self._database.read() as db:
            return maintenance.usage(self.home, self.artifacts, db)

    def collect(self, *, min_age: float = SWEEP_AGE, artifact_age: float | None = None) -> Space:
        """Delete garbage and deleted items that can no longer be restored; return the freed space.

        Only files older than `min_age` seconds are deleted, artefacts older than `artifact_age` (None: `min_age`).
        """
        artifact_age = min_age if artifact_age is None else artifact_age
        with self._database.write(quiet=True) as db:  # locks out new references
            return maintenance.collect(self.home, self.artifacts, db, min_age=min_age, artifact_age=artifact_age)

    def check(self) -> maintenance.Findings:
        """Check the database, all rows, references and artefacts' bytes; takes seconds per gigabyte."""
        with self._database.read() as db:
            found = maintenance.check(db, self._checks)
            references = maintenance.references(db)
        damaged = maintenance.damaged_files(self.artifacts)
        with self._database.read() as db:  # artefacts of a running app come and go
            missing = maintenance.missing_files(references & maintenance.references(db), self.artifacts)
        return replace(found, problems=(*found.problems, *missing), files=damaged)

    def set_aside(self, found: maintenance.Findings) -> Path:
        """Move the damaged rows and files that `check` found to the folder `set-aside`; return that folder."""
        with self._database.write() as db:
            return maintenance.set_aside(self.home, db, found)
