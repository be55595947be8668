"""Space used by a store, its garbage, and a check of everything in it; called inside transactions.

Garbage is left by crashes and deletions: temporary files, artefacts and states that nothing refers to, items that can
no longer be restored. Young files are kept: another app on the same home may be writing them, or a reference follows.
"""

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from roboreg_core.errors import StorageError
from roboreg_core.files import writing
from roboreg_core.paths import TEMPORARY
from roboreg_core.store import record_store, row_mapping, saved_items
from roboreg_core.store.artifacts import Artifacts

SET_ASIDE = "set-aside"
# Folders of a home in which files are written under a temporary name first.
_WRITTEN = ("artifacts", "unfinished", "checkpoints")
# The row that holds an artefact, by the prefix of its name in `refs`.
_HOLDERS = {"record": "records", "inputs": "jobs", "state": "jobs"}
_DANGLING = " OR ".join(
    f"(holder LIKE '{prefix}:%' AND substr(holder, {len(prefix) + 2}) NOT IN (SELECT id FROM {table}))"
    for prefix, table in _HOLDERS.items()
)
# The artefacts that the rows themselves name, with their holders as in `refs`.
_NAMED = """SELECT 'record:' || records.id AS holder, named.value AS sha FROM records,
        json_each(CASE WHEN json_valid(result) THEN result ELSE '{}' END, '$.artifacts') AS named
    UNION SELECT 'inputs:' || jobs.id, named.value FROM jobs,
        json_each(CASE WHEN json_valid(inputs) THEN inputs ELSE '{}' END) AS named
    UNION SELECT 'state:' || id, state FROM jobs"""


@dataclass(frozen=True, kw_only=True)
class Space:
    """Number of files, and their total size in bytes."""

    files: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Result of a check.

    Attributes:
        checked: number of checked rows by table.
        problems: faults of the database file, and missing artefacts or wrong references to them, one sentence each.
        rows: damaged rows as (table, key, sentence); the key is (job, number) for an event, else (number,).
        files: damaged artefacts as (path, sentence).
    """

    checked: dict[str, int]
    problems: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[object, ...], str], ...] = ()
    files: tuple[tuple[Path, str], ...] = ()

    @property
    def sentences(self) -> list[str]:
        """One sentence for each problem, damaged row and damaged file."""
        return [*self.problems, *(each for *_, each in self.rows), *(each for _, each in self.files)]


def usage(home: Path, artifacts: Artifacts, db: sqlite3.Connection) -> dict[str, Space]:
    """Number and size of the files in the store's folder `home`, by part.

    Parts: `database`, `artefacts`, `unfinished` (saved states), `data` (images) and `other`. The additional entry
    `garbage` counts those of these files that `garbage` yields at any age.
    """
    every = dict(_sizes(home.rglob("*")))
    parts: dict[str, set[Path]] = {
        "artefacts": {artifacts.folder},
        "unfinished": {home / "unfinished"},
        "data": {home / "data", home / "datasets"},
    }
    database = [path for path in every if path.parent == home and path.name.startswith(record_store.DATABASE)]
    found = {"database": database}
    found |= {name: [path for path in every if folders & {*path.parents}] for name, folders in parts.items()}
    known = {path for paths in found.values() for path in paths}
    found["other"] = [path for path in every if path not in known]
    found["garbage"] = [path for path, _ in garbage(home, artifacts, db, min_age=0.0, artifact_age=0.0)]
    return {
        name: Space(files=len(paths), bytes=sum(every.get(path, 0) for path in paths)) for name, paths in found.items()
    }


def garbage(
    home: Path, artifacts: Artifacts, db: sqlite3.Connection, *, min_age: float, artifact_age: float
) -> Iterator[tuple[Path, int]]:
    """Yield (path, bytes) of unneeded files that are at least `min_age` (artefacts: `artifact_age`) seconds old."""
    query = f"SELECT sha FROM refs WHERE NOT ({_DANGLING}) UNION SELECT sha FROM ({_NAMED})"
    kept = {row["sha"] for row in db.execute(query)}
    made = {row["id"] for row in db.execute("SELECT id FROM records WHERE deleted IS NULL")}
    now = time.time()
    for path, size in _sizes(path for name in _WRITTEN for path in sorted((home / name).glob("*"))):
        unused, age = path.name.startswith(TEMPORARY), min_age
        if path.parent == artifacts.folder:
            if row_mapping.ARTIFACT_NAME.fullmatch(path.name):
                unused, age = path.name not in kept, artifact_age
        elif path.parent.name == "unfinished":
            unused |= path.name in made
        if unused and _time_of(path) <= now - age:
            yield path, size


def collect(home: Path, artifacts: Artifacts, db: sqlite3.Connection, *, min_age: float, artifact_age: float) -> Space:
    """Delete the garbage, deleted items that can no longer be restored, and references from rows that no longer exist.

    Ages are in seconds, as for `garbage`. Returns the freed space.

    Raises `StorageError`: a file cannot be deleted.
    """
    record_store.delete_expired(db)
    saved_items.delete_expired(db)
    db.execute(f"DELETE FROM refs WHERE {_DANGLING}")
    files = freed = 0
    for path, size in garbage(home, artifacts, db, min_age=min_age, artifact_age=artifact_age):
        with writing(path, StorageError, remedy="delete it yourself"):
            path.unlink(missing_ok=True)
        files, freed = files + 1, freed + size
    return Space(files=files, bytes=freed)


def check(db: sqlite3.Connection, checks: row_mapping.Checks) -> Findings:
    """Check the database file, every row (also by the check for its kind in `checks`) and the references to artefacts.

    The artefacts' files are not read: `files` of the result is empty.
    """
    faults = [str(row[0]) for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]
    problems = [f"the database is damaged ({fault}): {row_mapping.RESTORE}" for fault in faults]
    holders = [row["holder"] for row in db.execute(f"SELECT DISTINCT holder FROM refs WHERE {_DANGLING}")]
    problems += [
        f"an artefact is held by {holder.replace(':', ' ', 1)}, which does not exist: "
        "run python -m roboreg_core store collect"
        for holder in holders
    ]
    readers: dict[str, Callable[[sqlite3.Row], object]] = {
        "records": lambda row: row_mapping.to_record(row, checks=checks),
        "jobs": lambda row: row_mapping.to_job(row, checks),
        "saved": lambda row: row_mapping.to_saved(row, checks),
        "events": row_mapping.to_event,
    }
    checked: dict[str, int] = {}
    rows: list[tuple[str, tuple[object, ...], str]] = []
    for table, read in readers.items():
        checked[table] = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for row, sentence in row_mapping.damage(db.execute(f"SELECT * FROM {table}"), read):
            key = (row["job"], row["number"]) if table == "events" else (row["number"],)
            rows.append((table, key, sentence))
    problems += _unprotected(db)
    return Findings(checked=checked, problems=tuple(problems), rows=tuple(rows))


def references(db: sqlite3.Connection) -> set[tuple[str, str]]:
    """Pairs of a holder, e.g. `record:ID`, and the SHA-256 of an artefact that it refers to."""
    return {(row["holder"], row["sha"]) for row in db.execute("SELECT holder, sha FROM refs")}


def missing_files(wanted: Iterable[tuple[str, str]], artifacts: Artifacts) -> list[str]:
    """One sentence for each pair in `wanted`, as returned by `references`, whose artefact has no file."""
    return [
        f"{holder.replace(':', ' ', 1)} refers to artefact {name}, which is missing: {row_mapping.RESTORE}"
        for holder, name in sorted(wanted)
        if name not in artifacts
    ]


def damaged_files(artifacts: Artifacts) -> tuple[tuple[Path, str], ...]:
    """(path, sentence) for each artefact whose bytes do not have the SHA-256 in its name."""
    folders = filter(None, (artifacts.folder, artifacts.fallback))
    return tuple(
        (path, f"artefact {path} is damaged: {row_mapping.SET_ASIDE}")
        for folder in folders
        for path in sorted(folder.glob("*"))
        if row_mapping.ARTIFACT_NAME.fullmatch(path.name) and not _is_whole(path)
    )


def set_aside(home: Path, db: sqlite3.Connection, found: Findings) -> Path:
    """Move the damaged rows and files in `found` to the folder `set-aside` of `home`; return that folder.

    Rows become lines of JSON; their artefacts are kept. Damaged files outside `home`, e.g. of example records, stay.

    Raises `StorageError`: the folder cannot be written.
    """
    folder = home / SET_ASIDE
    with writing(folder, StorageError, remedy="set ROBOREG_HOME to another folder"):
        folder.mkdir(exist_ok=True)
        with (folder / "rows.jsonl").open("a", encoding="utf-8", errors="backslashreplace") as file:
            for table, key, sentence in found.rows:
                where = "job = ? AND number = ?" if table == "events" else "number = ?"
                for row in db.execute(f"SELECT * FROM {table} WHERE {where}", key).fetchall():
                    line = {"table": table, "reason": sentence, "row": dict(row)}
                    file.write(json.dumps(line, default=repr) + "\n")
                    holders = [f"{prefix}:{row['id']}" for prefix, name in _HOLDERS.items() if name == table]
                    for holder in holders:  # the artefacts are kept
                        values = (f"{SET_ASIDE}:{holder}", holder)
                        db.execute("UPDATE OR REPLACE refs SET holder = ? WHERE holder = ?", values)
                db.execute(f"DELETE FROM {table} WHERE {where}", key)
        for path, _ in found.files:
            if home in path.parents:
                path.replace(folder / path.name)
    return folder


def _unprotected(db: sqlite3.Connection) -> list[str]:
    """Artefacts that a row names without a reference."""
    query = f"SELECT holder, sha FROM ({_NAMED}) WHERE length(sha) = 64 EXCEPT SELECT holder, sha FROM refs"
    return [
        f"{row['holder'].replace(':', ' ', 1)} names artefact {row['sha']} without a reference: {row_mapping.RESTORE}"
        for row in db.execute(query)
    ]


def _is_whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == path.name
    except FileNotFoundError:  # deleted meanwhile
        return True
    except OSError:
        return False


def _sizes(paths: Iterable[Path]) -> Iterator[tuple[Path, int]]:
    """The files among the paths, each with its size."""
    for path in paths:
        try:
            if path.is_file():
                yield path, path.stat().st_size
        except FileNotFoundError:  # deleted meanwhile
            continue


def _time_of(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()
