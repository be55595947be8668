"""The part of the store that holds items saved under a name, e.g. schedules."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from roboreg_core.errors import StoreError
from roboreg_core.store import row_mapping
from roboreg_core.store.database import Database
from roboreg_core.store.names import folded, free_name
from roboreg_core.store.records import RESTORE_DAYS, SavedItem

_CHANGEABLE = {"name", "note", "tags", "content"}


class SavedItems:
    """Named items of several kinds; names are unique per kind (case-insensitive) among items that are not deleted."""

    def __init__(self, database: Database, checks: row_mapping.Checks = row_mapping.NO_CHECKS) -> None:
        """Use the table `saved` of `database`; items that fail their kind's check in `checks` are damaged."""
        self._database = database
        self._checks = checks

    def active(self, kind: str) -> list[SavedItem]:
        """The items of a kind that are not deleted, oldest first."""
        return self._list("WHERE kind = ? AND deleted IS NULL ORDER BY number", kind)

    def deleted(self, kind: str) -> list[SavedItem]:
        """The deleted items of a kind, last deleted first."""
        return self._list("WHERE kind = ? AND deleted IS NOT NULL ORDER BY deleted DESC, number DESC", kind)

    def add(self, items: Sequence[SavedItem], *, number: bool = False) -> list[SavedItem]:
        """Save all items or none; return the saved items.

        With `number`, ` (2)`, ` (3)` ... is appended to a name that is taken.

        Raises `StoreError`: a name is taken.
        """
        with self._database.write() as db:
            return [self._add(db, item, number) for item in items]

    def change(self, item_id: str, **changes: Any) -> SavedItem:
        """Change name, note, tags or content of an item; return the changed item.

        Raises `StoreError`: it is unknown or deleted, the new name is taken, or another field is given.
        """
        unknown = ", ".join(sorted(set(changes) - _CHANGEABLE))
        if unknown:
            raise StoreError(f"{unknown} cannot be changed: only {', '.join(sorted(_CHANGEABLE))}")
        with self._database.write() as db:
            changed = replace(_known(db, item_id), **changes, changed=row_mapping.now())
            _refuse_taken(db, changed)
            _update(db, changed)
        return changed

    def delete(self, item_id: str) -> SavedItem:
        """Delete an item; it can be restored for `RESTORE_DAYS` days.

        Raises `StoreError`: it is unknown or deleted already.
        """
        author = self._database.author()
        with self._database.write() as db:
            item = replace(_known(db, item_id), deleted=row_mapping.now(), deleted_by=author)
            _update(db, item)
            delete_expired(db)
        return item

    def restore(self, item_id: str) -> SavedItem:
        """Restore a deleted item; a number is appended to its name if that is taken.

        Raises `StoreError`: it is not among the deleted items.
        """
        with self._database.write() as db:
            row = db.execute("SELECT * FROM saved WHERE id = ? AND deleted IS NOT NULL", (item_id,)).fetchone()
            if row is None:
                raise StoreError(
                    f"no deleted item has the id {item_id!r}: items can be restored for {RESTORE_DAYS} days"
                )
            item = row_mapping.to_saved(row)
            restored = replace(item, name=_free_name(db, item), deleted=None, deleted_by=None)
            _update(db, restored)
        return restored

    def _list(self, where: str, kind: str) -> list[SavedItem]:
        with self._database.read() as db:
            found = db.execute(f"SELECT * FROM saved {where}", (kind,))
            return row_mapping.readable(found, self.read)

    def read(self, row: sqlite3.Row) -> SavedItem:
        """The item in a row of the table. Raises `DamagedRowError`: it cannot be read."""
        return row_mapping.to_saved(row, self._checks)

    def _add(self, db: sqlite3.Connection, item: SavedItem, number: bool) -> SavedItem:
        if number:
            item = replace(item, name=_free_name(db, item))
        _refuse_taken(db, item)
        made = item.created or row_mapping.now()
        item = replace(item, created=made, changed=item.changed or made)
        row_mapping.insert(db, "saved", _values(item))
        return item


def delete_expired(db: sqlite3.Connection) -> None:
    """Delete for good the items whose time to be restored has passed."""
    db.execute("DELETE FROM saved WHERE deleted < ?", (row_mapping.restorable_since(),))


def _free_name(db: sqlite3.Connection, item: SavedItem) -> str:
    return free_name(item.name, lambda name: _is_taken(db, item, name))


def _is_taken(db: sqlite3.Connection, item: SavedItem, name: str) -> bool:
    """True if another item of the kind has this folded name."""
    query = "SELECT 1 FROM saved WHERE kind = ? AND folded = ? AND deleted IS NULL AND id != ?"
    return db.execute(query, (item.kind, name, item.id)).fetchone() is not None


def _refuse_taken(db: sqlite3.Connection, item: SavedItem) -> None:
    if _is_taken(db, item, folded(item.name)):
        raise StoreError(f"the name {item.name!r} is taken by another saved {item.kind}: choose another name")


def _known(db: sqlite3.Connection, item_id: str) -> SavedItem:
    row = db.execute("SELECT * FROM saved WHERE id = ? AND deleted IS NULL", (item_id,)).fetchone()
    if row is None:
        raise StoreError(f"no saved item has the id {item_id!r}: it may have been deleted meanwhile")
    return row_mapping.to_saved(row)


def _update(db: sqlite3.Connection, item: SavedItem) -> None:
    values = _values(item)
    db.execute(f"UPDATE saved SET {', '.join(f'{name} = :{name}' for name in values)} WHERE id = :id", values)


def _values(item: SavedItem) -> dict[str, Any]:
    texts = {
        "tags": json.dumps(list(item.tags)),
        "content": row_mapping.text(item.content),
        "folded": folded(item.name),
    }
    return {**vars(item), **texts}
