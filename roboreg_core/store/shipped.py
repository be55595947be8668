"""Example records: a JSON file and a folder of artefacts, read-only for the store."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from roboreg_core.errors import StoreError
from roboreg_core.files import writing
from roboreg_core.paths import write_atomically
from roboreg_core.store.artifacts import Artifacts
from roboreg_core.store.records import Record

RECORDS = "records.json"
ARTIFACTS = "artifacts"


class ShippedRecords:
    """The example records in a folder, read again when its file `records.json` changes."""

    def __init__(self, folder: Path | None) -> None:
        """Use `folder`; None for no example records."""
        self.folder = folder
        self._stamp: tuple[int, int] | None = None
        self._records: dict[str, Record] = {}

    def records(self) -> dict[str, Record]:
        """The records by id, each with `recorded=True`; {} without the file.

        Raises `StoreError`: the file is not a list of records.
        """
        if self.folder is None:
            return {}
        path = self.folder / RECORDS
        try:
            status = path.stat()
        except OSError:
            return {}
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            self._records, self._stamp = _read(path), stamp
        return self._records


def export(record: Record, artifacts: Artifacts, folder: Path) -> None:
    """Write a record and its artefacts into a folder of example records, replacing one with the same id.

    Raises `StoreError`: an artefact is missing, or the folder cannot be written.
    """
    with writing(folder, StoreError, remedy="choose another folder"):
        folder.mkdir(parents=True, exist_ok=True)
    target = Artifacts(folder / ARTIFACTS)
    for name in artifact_names(record.result):
        target.put(artifacts.get(name))
    path = folder / RECORDS
    records = _read(path) if path.is_file() else {}
    records[record.id] = replace(record, recorded=True)
    ordered = sorted(records.values(), key=lambda each: (each.created, each.id))
    _write(path, [asdict(each) for each in ordered])


def drop(folder: Path, unwanted: Callable[[Record], bool]) -> None:
    """Delete the records for which `unwanted` is True from a folder of example records, and unreferenced artefacts.

    Raises `StoreError`: the folder cannot be read or written.
    """
    path = folder / RECORDS
    if not path.is_file():
        return
    records = [record for record in _read(path).values() if not unwanted(record)]
    _write(path, [asdict(each) for each in records])
    named = {name for record in records for name in artifact_names(record.result)}
    for file in (folder / ARTIFACTS).glob("*"):
        if file.name not in named:
            with writing(file, StoreError, remedy="choose another folder"):
                file.unlink()


def artifact_names(result: dict[str, Any]) -> list[str]:
    """The SHA-256 of each artefact named in a record's result, sorted."""
    named = result.get("artifacts") or {}
    return sorted({str(name) for name in named.values()})


def _read(path: Path) -> dict[str, Record]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        records = [Record(**{**row, "recorded": True}) for row in rows]
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(f"the shipped records in {path} cannot be read ({error}): restore the file") from error
    return {record.id: record for record in records}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    # One line per record, for small files and readable diffs.
    lines = ",\n".join(json.dumps(row, sort_keys=True, separators=(",", ":")) for row in rows)
    with writing(path, StoreError, remedy="choose another folder"):
        write_atomically(path, f"[\n{lines}\n]\n".encode())
