"""The part of the store that holds records."""

import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from roboreg_core.errors import RoboRegError, StorageError, StoreError
from roboreg_core.files import check_writable
from roboreg_core.store import row_mapping
from roboreg_core.store.artifacts import Artifacts
from roboreg_core.store.database import Database
from roboreg_core.store.records import RESTORE_DAYS, DeletedRecord, Record
from roboreg_core.store.row_mapping import NO_CHECKS, DamagedRowError
from roboreg_core.store.shipped import ARTIFACTS, ShippedRecords, artifact_names, export

DATABASE = "roboreg.db"
_NOT_DELETED = "deleted IS NULL"
Value = TypeVar("Value")
# Paths of the parts of a result to read, e.g. `cost.parameters`; None: all of it.
Parts = tuple[str, ...] | None
# Number, id and time of creation of a row: its number alone may be that of another row in a restored store.
_Row = tuple[int, str, str]


@dataclass(frozen=True, kw_only=True)
class _Parsed(Generic[Value]):
    """A record's value in a list, None if it is left out; `shipped` is the record if it is an example.

    `damage` is the reason where the record is left out because it is damaged.
    """

    id: str
    created: str
    value: Value | None
    shipped: Record | None = None
    damage: str = ""


class RecordStore:
    """Your records with their artefacts under one folder, and the read-only example records in another."""

    def __init__(
        self,
        home: Path,
        shipped: Path | None = None,
        checks: row_mapping.Checks = NO_CHECKS,
        author: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Open or create the store in `home`; for the arguments see `store.Store`.

        Damaged rows, also those that fail their kind's check in `checks`, are left out of lists; see `Store.damage`.

        Raises `StoreError`: it cannot be opened, or was made by a newer RoboReg.
        """
        self.home = home
        self.artifacts = Artifacts(home / ARTIFACTS, shipped / ARTIFACTS if shipped else None, author)
        self._database = Database(home / DATABASE, content=self.artifacts.folder, author=author)
        self._shipped = ShippedRecords(shipped)
        self._checks = checks
        # Values of each list by `_Row` or id of a shipped record. Rows are immutable: each whole one is parsed once.
        self._lists: dict[tuple[Any, ...], dict[_Row | str, _Parsed[Any]]] = {}

    @property
    def unfinished(self) -> Path:
        """Folder with the saved states of interrupted commands: one file each, named by the id of their record."""
        return self.home / "unfinished"

    def check_writable(self) -> None:
        """Check that records and artefacts can be written, before the work that makes them.

        Raises `StorageError`: they cannot.
        """
        with self._database.write(quiet=True):
            check_writable(self.artifacts.folder / "any", StorageError)

    def author(self) -> str | None:
        """Name of the person for whom the calling thread writes, None without a login.

        Raises `AccessError`: that person may not write.
        """
        return self._database.author()

    def close(self) -> None:
        """Close the idle connections; the store remains usable."""
        self._database.close()

    def version(self) -> int:
        """A number that increases with every change by any process; cheap to poll."""
        return self._database.version()

    def put_record(self, record: Record) -> None:
        """Store a record; it replaces your record with the same id, and hides an example record with the same id.

        Raises `StoreError`: an artefact named by its result is missing.
        """
        with self._database.write() as db:
            dropped = self._write_record(db, record)
        self._discard(dropped)

    def complete_record(self, record: Record) -> None:
        """Store a record; result fields that are missing or None are taken from the stored record with the same id.

        Raises `StoreError`: an artefact named by its result is missing.
        """
        with self._database.write() as db:
            rows = db.execute(f"SELECT * FROM records WHERE id = ? AND {_NOT_DELETED}", (record.id,)).fetchall()
            own = row_mapping.readable(rows, row_mapping.to_record)  # a damaged one is replaced
            before = own[0] if own else self._shipped.records().get(record.id)
            if before is not None:
                known = {name: value for name, value in before.result.items() if record.result.get(name) is None}
                record = replace(record, result={**record.result, **known})
            dropped = self._write_record(db, record)
        self._discard(dropped)

    def get_record(self, record_id: str) -> Record | None:
        """The record with this id, None if there is none; yours precede example records.

        Raises `DamagedRowError`: it cannot be read.
        """
        with self._database.read() as db:
            row = db.execute(f"SELECT * FROM records WHERE id = ? AND {_NOT_DELETED}", (record_id,)).fetchone()
        if row is None:
            return self._shipped.records().get(record_id)
        return row_mapping.to_record(row, checks=self._checks)

    def find_record(self, prefix: str, kind: str | None = None) -> Record:
        """Find a record of a kind (None for all kinds) by its id, or by a unique prefix of it.

        Raises `StoreError`: no record matches, or several.
        """
        exact = self.get_record(prefix)
        if exact is not None and kind in (None, exact.kind):
            return exact
        if not prefix:
            raise StoreError("a record's id must have at least one character, got none")
        with self._database.read() as db:
            query = f"SELECT id FROM records WHERE substr(id, 1, ?) = ? AND (? IS NULL OR kind = ?) AND {_NOT_DELETED}"
            ids = {row["id"] for row in db.execute(query, (len(prefix), prefix, kind, kind))}
        shipped = self._shipped.records().items()
        ids |= {each for each, record in shipped if each.startswith(prefix) and kind in (None, record.kind)}
        if len(ids) > 1:
            shown = ", ".join(sorted(ids)[:5])
            raise StoreError(f"{len(ids)} {kind or 'record'}s begin with {prefix!r} ({shown}): give more of the id")
        record = self.get_record(ids.pop()) if ids else None
        if record is None:
            name = kind or "record"
            raise StoreError(f"no {name} begins with {prefix!r}: list the {name}s to see their ids")
        return record

    def list_records(self, kind: str | None = None, parts: Parts = None) -> list[Record]:
        """All records of a kind (None for all kinds), newest first, without damaged ones; do not modify them.

        With `parts`, paths such as `cost.parameters`, results contain only these values, which saves time and memory;
        None values are left out.
        """
        return self.list_parsed(_itself, kind, parts)

    def list_parsed(
        self, parse: Callable[[Record], Value | None], kind: str | None = None, parts: Parts = None
    ) -> list[Value]:
        """`parse(record)` for each record of `list_records`, newest first, without None values.

        The values are cached: a later call with the same `parse`, `kind` and `parts` parses only new records.
        """
        with self._database.read() as db:
            key = (parse, kind, parts, self._database.reopened)
            known = self._lists.get(key, {})
            found = rows_of(db, kind)
            rows = _rows(db, [row[0] for row in found if row not in known or known[row].damage], parts)
            new = {row["number"]: self._parsed(row, parse, parts) for row in rows}
        own: dict[_Row | str, _Parsed[Value]] = {row: new.get(row[0]) or known[row] for row in found}
        replaced = {each.id for each in own.values()}
        shipped: dict[_Row | str, _Parsed[Value]] = {}
        for record in self._shipped.records().values():
            if kind in (None, record.kind) and record.id not in replaced:
                before = known.get(record.id)
                shipped[record.id] = (
                    before if before and before.shipped is record else _of_shipped(record, parse, parts)
                )
        every = {**shipped, **own}
        current = {other: values for other, values in self._lists.items() if other[-1] == key[-1]}
        self._lists = {**current, key: every}  # one assignment: other threads see the old or the new lists
        oldest_first = sorted(every.values(), key=lambda each: each.created)
        return [each.value for each in reversed(oldest_first) if each.value is not None]

    def soft_delete_record(self, record_id: str) -> None:
        """Delete one of your records; `restore_record` undoes it for `RESTORE_DAYS` days, then it is deleted for good.

        Raises `StoreError`: it is unknown, or an example record.
        """
        author = self._database.author()
        with self._database.write() as db:
            query = f"UPDATE records SET deleted = ?, deleted_by = ? WHERE id = ? AND {_NOT_DELETED}"
            if not db.execute(query, (row_mapping.now(), author, record_id)).rowcount:
                raise StoreError(self._not_own(record_id))
            dropped = delete_expired(db)
        self._discard(dropped)

    def restore_record(self, record_id: str) -> Record:
        """Restore a deleted record. Raises `StoreError`: it is not among the deleted records."""
        with self._database.write() as db:
            query = "UPDATE records SET deleted = NULL, deleted_by = NULL WHERE id = ? AND deleted IS NOT NULL"
            if not db.execute(query, (record_id,)).rowcount:
                raise StoreError(_not_deleted(record_id))
            return row_mapping.to_record(db.execute("SELECT * FROM records WHERE id = ?", (record_id,)).fetchone())

    def list_deleted(self, kind: str | None = None, prefix: str = "", parts: Parts = None) -> list[DeletedRecord]:
        """Deleted records of a kind (None for all kinds) whose ids begin with `prefix`, last deleted first.

        `parts` as for `list_records`.
        """
        query = f"""SELECT deleted, deleted_by, {row_mapping.record_columns(parts)} FROM records
            WHERE deleted IS NOT NULL AND (? IS NULL OR kind = ?) AND substr(id, 1, ?) = ?
            ORDER BY deleted DESC, number DESC"""
        with self._database.read() as db:
            found = db.execute(query, (kind, kind, len(prefix), prefix))
            return row_mapping.readable(found, lambda row: self._to_deleted(row, parts))

    def find_deleted_record(self, prefix: str, kind: str | None = None) -> Record:
        """Find a deleted record of a kind (None for all kinds) by its id, or by a unique prefix of it.

        Raises `StoreError`: no record matches, or several.
        """
        found = [each.record for each in self.list_deleted(kind, prefix)]
        exact = [record for record in found if record.id == prefix]
        if len(found) > 1 and not exact:
            raise StoreError(f"{len(found)} deleted records begin with {prefix!r}: give more of the id")
        if not prefix or not found:
            raise StoreError(_not_deleted(prefix))
        return (exact or found)[0]

    def delete_record(self, record_id: str) -> None:
        """Delete one of your records for good, with the finished jobs that made it and unreferenced artefacts.

        Raises `StoreError`: it is unknown, or an example record.
        """
        with self._database.write() as db:
            if not db.execute("SELECT 1 FROM records WHERE id = ?", (record_id,)).fetchone():
                raise StoreError(self._not_own(record_id))
            dropped = _delete(db, record_id)
        self._discard(dropped)

    def export_record(self, record_id: str, folder: Path) -> None:
        """Write a record and its artefacts into a folder of example records.

        Raises `StoreError`: it is unknown, an artefact is missing, or the folder cannot be written.
        """
        record = self.get_record(record_id)
        if record is None:
            raise StoreError(_no_record(record_id))
        export(record, self.artifacts, folder)

    def _parsed(self, row: sqlite3.Row, parse: Callable[[Record], Value | None], parts: Parts) -> _Parsed[Value]:
        value, damage = None, ""
        try:
            value = parse(row_mapping.to_record(row, parts, self._checks))
        except DamagedRowError as error:
            damage = str(error)
        except (RoboRegError, LookupError, TypeError, ValueError) as error:
            damage = str(row_mapping.damaged("record", row, error))
        return _Parsed(id=str(row["id"]), created=str(row["created"]), value=value, damage=damage)

    def _to_deleted(self, row: sqlite3.Row, parts: Parts) -> DeletedRecord:
        return DeletedRecord(
            record=row_mapping.to_record(row, parts, self._checks), deleted=row["deleted"], deleted_by=row["deleted_by"]
        )

    def _write_record(self, db: sqlite3.Connection, record: Record) -> set[str]:
        """Insert or replace a record; return the artefacts that it no longer refers to."""
        names = artifact_names(record.result)
        self._check_artifacts(names, f"record {record.id}")
        db.execute("DELETE FROM records WHERE id = ?", (record.id,))
        values = {"id": record.id, "kind": record.kind, "created": record.created}
        values |= {"spec": row_mapping.text(record.spec), "result": row_mapping.text(record.result)}
        row_mapping.insert(db, "records", {**values, "checksum": row_mapping.checksum(*values.values())})
        return row_mapping.set_refs(db, f"record:{record.id}", names)

    def _not_own(self, record_id: str) -> str:
        if record_id in self._shipped.records():
            return f"record {record_id} is an example and cannot be deleted: only your records can"
        return _no_record(record_id)

    def _check_artifacts(self, names: Iterable[str], holder: str) -> None:
        for name in names:
            if name not in self.artifacts:
                raise StoreError(f"{holder} names artefact {name}, which is missing: store it first")

    def _discard(self, names: set[str]) -> None:
        """Delete unreferenced artefacts; under the write lock, so that no new reference can appear."""
        if not names:
            return
        with self._database.write(quiet=True) as db:
            for name in names:
                if not db.execute("SELECT 1 FROM refs WHERE sha = ?", (name,)).fetchone():
                    self.artifacts.discard(name)


def _itself(record: Record) -> Record:
    return record


def _of_shipped(record: Record, parse: Callable[[Record], Value | None], parts: Parts) -> _Parsed[Value]:
    read = record if parts is None else replace(record, result=row_mapping.parts_of(record.result, parts))
    return _Parsed(id=record.id, created=record.created, value=parse(read), shipped=record)


def rows_of(db: sqlite3.Connection, kind: str | None = None) -> list[_Row]:
    """(number, id, creation time) of each record of a kind (None for all kinds) that is not deleted, oldest first."""
    query = f"SELECT number, id, created FROM records WHERE {_NOT_DELETED} AND (? IS NULL OR kind = ?) ORDER BY number"
    return [(row["number"], row["id"], row["created"]) for row in db.execute(query, (kind, kind))]


def _rows(db: sqlite3.Connection, numbers: list[int], parts: Parts) -> Iterable[sqlite3.Row]:
    """The rows with these numbers."""
    query = f"""SELECT number, {row_mapping.record_columns(parts)} FROM records
        WHERE number IN (SELECT value FROM json_each(?))"""
    return db.execute(query, (json.dumps(numbers),)) if numbers else ()


def delete_expired(db: sqlite3.Connection) -> set[str]:
    """Delete for good the records whose time to be restored has passed.

    Returns the SHA-256s of the artefacts that they referred to.
    """
    old = db.execute("SELECT id FROM records WHERE deleted < ?", (row_mapping.restorable_since(),)).fetchall()
    return set().union(*(_delete(db, row["id"]) for row in old))


def _no_record(record_id: str) -> str:
    return f"there is no record {record_id}: list the records to see their ids"


def _not_deleted(record_id: str) -> str:
    return f"no deleted record begins with {record_id!r}: deleted ones can be restored for {RESTORE_DAYS} days"


def _delete(db: sqlite3.Connection, record_id: str) -> set[str]:
    """Delete a record and the finished jobs that made it; return the artefacts that they referred to."""
    db.execute("DELETE FROM records WHERE id = ?", (record_id,))
    dropped = row_mapping.drop_refs(db, f"record:{record_id}")
    jobs = db.execute("SELECT id FROM jobs WHERE key = ? AND status = 'finished'", (record_id,)).fetchall()
    return dropped.union(*(row_mapping.delete_job(db, job["id"]) for job in jobs))
