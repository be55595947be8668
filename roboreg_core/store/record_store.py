"""The part of the store that keeps records: put, found, binned, deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from roboreg_core.errors import StoreError
from roboreg_core.store import row_mapping
from roboreg_core.store.artifacts import Artifacts
from roboreg_core.store.database import Database
from roboreg_core.store.records import BIN_DAYS, DeletedRecord, Record
from roboreg_core.store.shipped import ARTIFACTS, ShippedRecords, artifact_names, export

DATABASE = "roboreg.db"
_STANDS = "deleted IS NULL"


class RecordStore:
    """Records with their artefacts under one folder, and the shipped records beside it."""

    def __init__(self, home: Path, shipped: Path | None = None) -> None:
        """Open the store in `home` (made where it is missing), in front of the shipped ones in the folder `shipped`.

        Raises:
            StoreError: it cannot be opened, or was made by a newer RoboReg.
        """
        self.home = home
        self.artifacts = Artifacts(home / ARTIFACTS, shipped / ARTIFACTS if shipped else None)
        self._database = Database(home / DATABASE)
        self._shipped = ShippedRecords(shipped)
        # Row -> what was read from it: a row's record never changes, and to read a thousand again takes half a second.
        self._parsed: dict[int, Record] = {}

    def close(self) -> None:
        """Close the idle connections; the store may still be used."""
        self._database.close()

    def version(self) -> int:
        """A number that grows with every change by any process; cheap enough to ask every second."""
        return self._database.version()

    def put_record(self, record: Record) -> None:
        """Keep a record in place of the own one with the same id.

        Raises:
            StoreError: an artefact that its result names is not there.
        """
        with self._database.write() as db:
            dropped = self._write_record(db, record)
        self._discard(dropped)

    def complete_record(self, record: Record) -> None:
        """Keep a record in place of the one with the same id; what its result leaves null stays as that one has it.

        Raises:
            StoreError: an artefact that its result names is not there.
        """
        with self._database.write() as db:
            row = db.execute(f"SELECT * FROM records WHERE id = ? AND {_STANDS}", (record.id,)).fetchone()
            standing = row_mapping.to_record(row) if row else self._shipped.records().get(record.id)
            if standing is not None:
                known = {name: value for name, value in standing.result.items() if record.result.get(name) is None}
                record = replace(record, result={**record.result, **known})
            dropped = self._write_record(db, record)
        self._discard(dropped)

    def get_record(self, record_id: str) -> Record | None:
        """The record with that id, the own one before a shipped one."""
        with self._database.read() as db:
            row = db.execute(f"SELECT * FROM records WHERE id = ? AND {_STANDS}", (record_id,)).fetchone()
        return row_mapping.to_record(row) if row else self._shipped.records().get(record_id)

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
            query = f"SELECT id FROM records WHERE substr(id, 1, ?) = ? AND {_STANDS}"
            found = db.execute(query, (len(prefix), prefix)).fetchall()
        ids = {row["id"] for row in found} | {each for each in self._shipped.records() if each.startswith(prefix)}
        if len(ids) > 1:
            shown = ", ".join(sorted(ids)[:5])
            raise StoreError(f"{len(ids)} records begin with {prefix!r} ({shown}): give more of the id")
        record = self.get_record(ids.pop()) if ids else None
        if record is None:
            raise StoreError(f"no record begins with {prefix!r}: list the records to see their ids")
        return record

    def list_records(self, kind: str | None = None) -> list[Record]:
        """The records of a kind (of every kind for None), own and shipped, newest first; do not write to them."""
        with self._database.read() as db:
            own = self._own(db)
        known = {record.id for record in own}
        every = [each for each in self._shipped.records().values() if each.id not in known] + own
        oldest_first = sorted((each for each in every if kind in (None, each.kind)), key=lambda each: each.created)
        return oldest_first[::-1]

    def bin_record(self, record_id: str) -> None:
        """Take an own record out of sight; `restore_record` brings it back for `BIN_DAYS` days. Older ones go for good.

        Raises:
            StoreError: it is unknown, or ships with the project.
        """
        with self._database.write() as db:
            query = f"UPDATE records SET deleted = ? WHERE id = ? AND {_STANDS}"
            if not db.execute(query, (row_mapping.now(), record_id)).rowcount:
                raise StoreError(self._not_own(record_id))
            old = db.execute("SELECT id FROM records WHERE deleted < ?", (row_mapping.bin_ends(),)).fetchall()
            dropped: set[str] = set().union(*(_delete(db, row["id"]) for row in old))
        self._discard(dropped)

    def restore_record(self, record_id: str) -> Record:
        """Bring a record back from the bin.

        Raises:
            StoreError: it is not there.
        """
        with self._database.write() as db:
            query = "UPDATE records SET deleted = NULL WHERE id = ? AND deleted IS NOT NULL"
            if not db.execute(query, (record_id,)).rowcount:
                raise StoreError(_not_binned(record_id))
            return row_mapping.to_record(db.execute("SELECT * FROM records WHERE id = ?", (record_id,)).fetchone())

    def list_binned(self, kind: str | None = None, prefix: str = "") -> list[DeletedRecord]:
        """The records in the bin of a kind (of every kind for None) whose ids begin with `prefix`, last one first."""
        query = """SELECT * FROM records WHERE deleted IS NOT NULL AND (? IS NULL OR kind = ?)
            AND substr(id, 1, ?) = ? ORDER BY deleted DESC, number DESC"""
        with self._database.read() as db:
            found = db.execute(query, (kind, kind, len(prefix), prefix))
            return [DeletedRecord(record=row_mapping.to_record(row), deleted=row["deleted"]) for row in found]

    def find_binned(self, prefix: str) -> Record:
        """The record in the bin whose id is, or alone begins with, `prefix`.

        Raises:
            StoreError: there is none, or several.
        """
        found = [each.record for each in self.list_binned(prefix=prefix)]
        exact = [record for record in found if record.id == prefix]
        if len(found) > 1 and not exact:
            raise StoreError(f"{len(found)} deleted records begin with {prefix!r}: give more of the id")
        if not prefix or not found:
            raise StoreError(_not_binned(prefix))
        return (exact or found)[0]

    def delete_record(self, record_id: str) -> None:
        """Delete an own record for good, the finished jobs that made it, and the artefacts that nothing else refers to.

        Raises:
            StoreError: it is unknown, or ships with the project.
        """
        with self._database.write() as db:
            if not db.execute("SELECT 1 FROM records WHERE id = ?", (record_id,)).fetchone():
                raise StoreError(self._not_own(record_id))
            dropped = _delete(db, record_id)
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

    def _own(self, db: sqlite3.Connection) -> list[Record]:
        """The own records that stand, oldest row first; only rows that are new since the last call are parsed."""
        numbers = [row["number"] for row in db.execute(f"SELECT number FROM records WHERE {_STANDS} ORDER BY number")]
        known, found = self._parsed, {}
        for number in numbers:
            record = known.get(number)
            if record is None:
                record = row_mapping.to_record(
                    db.execute("SELECT * FROM records WHERE number = ?", (number,)).fetchone()
                )
            found[number] = record
        self._parsed = found  # at once, so that other threads see the old or the new
        return list(found.values())

    def _write_record(self, db: sqlite3.Connection, record: Record) -> set[str]:
        """Insert or replace the record; return the artefacts that it no longer refers to."""
        names = artifact_names(record.result)
        self._check_artifacts(names, f"record {record.id}")
        db.execute("DELETE FROM records WHERE id = ?", (record.id,))
        row_mapping.insert(db, "records", row_mapping.record_values(record))
        return row_mapping.set_refs(db, f"record:{record.id}", names)

    def _not_own(self, record_id: str) -> str:
        """Why there is nothing to delete."""
        if record_id in self._shipped.records():
            return f"record {record_id} ships with the project and cannot be deleted: only own records can"
        return _no_record(record_id)

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


def _not_binned(record_id: str) -> str:
    return f"no deleted record begins with {record_id!r}: deleted ones can be restored for {BIN_DAYS} days"


def _delete(db: sqlite3.Connection, record_id: str) -> set[str]:
    """Delete a record and the finished jobs that made it; return the artefacts that they referred to."""
    db.execute("DELETE FROM records WHERE id = ?", (record_id,))
    dropped = row_mapping.drop_refs(db, f"record:{record_id}")
    jobs = db.execute("SELECT id FROM jobs WHERE key = ? AND status = 'finished'", (record_id,)).fetchall()
    return dropped.union(*(row_mapping.delete_job(db, job["id"]) for job in jobs))
