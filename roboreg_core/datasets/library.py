"""The data sets on this machine: list, find, rename, delete and restore. Without torch."""

import json
import logging
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roboreg_core import paths
from roboreg_core.datasets import cifar10, cifar100_files, cifar_batches, own_images
from roboreg_core.datasets.dataset import (
    CIFAR10,
    CIFAR100,
    MANIFEST,
    PREFIX,
    REMOVED,
    TRASH,
    Dataset,
    dataset_of,
    is_cifar10,
    read_dataset,
)
from roboreg_core.errors import DataError
from roboreg_core.files import writing
from roboreg_core.store.names import clean_name, folded, free_name
from roboreg_core.store.records import RESTORE_DAYS

if TYPE_CHECKING:
    from roboreg_core.store.store import Store

NAME_LABEL = "a data set's name"
# Names that mean other images on the command line.
_RESERVED = {folded(each.id) for each in (CIFAR10, CIFAR100)} | {folded(each.name) for each in (CIFAR10, CIFAR100)}
_RESERVED |= {"auto", *cifar10.TRAINING_COUNTS}

log = logging.getLogger(__name__)


def list_datasets() -> list[Dataset]:
    """The data sets on this machine: CIFAR-10 (all or the bundled part), CIFAR-100 if present, then yours by name."""
    root = paths.local_data()
    known = [dataset_of("full" if cifar_batches.present(root) else "bundled")]
    if cifar100_files.present(root):
        known.append(CIFAR100)
    return [*known, *own_datasets()]


def own_datasets() -> list[Dataset]:
    """Your data sets, sorted by name; damaged ones are left out with a warning in the log."""
    return list(_read_all(paths.datasets()))


def find_dataset(text: str) -> Dataset:
    """Find a data set by its name (case-insensitive), its id, or the first digits of its id.

    Raises `DataError`: no data set matches, or several.
    """
    wanted = folded(text)
    for each in (CIFAR10, CIFAR100):
        if wanted in (each.id, folded(each.name)):
            return each
    return _matching(own_datasets(), text, "data set")


def unused_name(wanted: str) -> str:
    """The name `wanted` if it is free, else with a number appended, e.g. `digits (2)`."""
    return free_name(clean_name(wanted, NAME_LABEL, error=DataError), _taken().__contains__)


def check_name(name: str, except_id: str = "") -> str:
    """Check that a name is valid and not taken, except by the data set with the id `except_id`; return it cleaned.

    Raises `DataError`: the name is invalid, reserved, or that of another data set.
    """
    cleaned = clean_name(name, NAME_LABEL, error=DataError)
    if folded(cleaned) in _RESERVED or folded(cleaned).startswith(PREFIX):
        raise DataError(f"{NAME_LABEL} must not be one of other images, got {cleaned!r}: choose another name")
    if folded(cleaned) in _taken(except_id):
        raise DataError(f"the name {cleaned!r} is taken by another data set: choose another name")
    return cleaned


def rename_dataset(dataset: Dataset, name: str) -> Dataset:
    """Rename one of your data sets; its id stays. Raises `DataError`: see `check_name`, or it is not yours."""
    folder = _own_folder(dataset)
    renamed = replace(read_dataset(folder), name=check_name(name, except_id=dataset.id))
    write_manifest(folder, renamed)
    return renamed


def write_manifest(folder: Path, dataset: Dataset) -> None:
    """Write the manifest of an imported data set into its folder. Raises `DataError`: it cannot be written."""
    with writing(folder, DataError, remedy="set ROBOREG_HOME to another folder"):
        paths.write_atomically(folder / MANIFEST, (json.dumps(dataset.to_json(), indent=1) + "\n").encode())


def users_of(dataset: Dataset, store: "Store") -> dict[str, int]:
    """Number of records per kind (`run`, `network`, `sweep` ...) and of unfinished jobs (`job`) that use a data set.

    Kinds without any are left out.
    """
    specs = [(record.kind, record.spec) for record in store.list_records(parts=())]
    specs += [("job", job.spec) for job in store.list_jobs(ended=False)]
    return dict(Counter(kind for kind, spec in specs if _uses(dataset, spec)))


def _uses(dataset: Dataset, spec: dict[str, Any]) -> bool:
    setting = spec.get("setting")
    used = spec.get("training_set") or (setting.get("training_set") if isinstance(setting, dict) else None) or ""
    return used == dataset.id or (dataset.id == CIFAR10.id and is_cifar10(used))


def delete_dataset(dataset: Dataset) -> None:
    """Delete one of your data sets; `restore_dataset` undoes it for `RESTORE_DAYS` days, then its images are removed.

    Raises `DataError`: it is not yours, or is deleted already.
    """
    folder = _own_folder(dataset)
    read_dataset(folder)
    target = _trash() / dataset.id
    with writing(folder, DataError, remedy="delete it yourself"):
        _trash().mkdir(exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)
        (target / MANIFEST).touch()  # the time of the deletion
        for each in _trash().iterdir():
            if time.time() - _deleted_at(each) > RESTORE_DAYS * 86_400:
                _remove(each)


def deleted_datasets() -> list[Dataset]:
    """The deleted data sets that can be restored, most recently deleted first."""
    found = list(_read_all(_trash()))
    return sorted(found, key=lambda each: _deleted_at(_trash() / each.id), reverse=True)


def restore_dataset(text: str) -> Dataset:
    """Restore the deleted data set with this name or id; a number is appended to its name if that is taken.

    Raises `DataError`: no deleted data set has it, or several have.
    """
    dataset = _matching(deleted_datasets(), text, "deleted data set")
    folder = paths.datasets() / dataset.id
    with writing(folder, DataError, remedy="move it yourself"):
        (_trash() / dataset.id).rename(folder)
    restored = replace(dataset, name=free_name(dataset.name, _taken(except_id=dataset.id).__contains__))
    write_manifest(folder, restored)
    return restored


def forget_deleted(dataset_id: str) -> None:
    """Remove what is left of a deleted data set, because its images were added again."""
    for parent in (_trash(), paths.datasets() / REMOVED):
        shutil.rmtree(parent / dataset_id, ignore_errors=True)


def _remove(folder: Path) -> None:
    """Remove a deleted data set, except for what the results of its runs need."""
    kept = paths.datasets() / REMOVED / folder.name
    files = [folder / MANIFEST, own_images.labels_path(folder, "test")]
    if all(file.exists() for file in files):
        kept.mkdir(parents=True, exist_ok=True)
        for file in files:
            file.replace(kept / file.name)
    shutil.rmtree(folder, ignore_errors=True)


def _trash() -> Path:
    return paths.datasets() / TRASH


def _deleted_at(folder: Path) -> float:
    manifest = folder / MANIFEST
    return manifest.stat().st_mtime if manifest.exists() else 0.0


def _read_all(folder: Path) -> Iterator[Dataset]:
    found = []
    for each in sorted(folder.glob(f"{PREFIX}*")):
        try:
            found.append(read_dataset(each))
        except DataError as error:
            log.warning("a data set was left out: %s", error)
    yield from sorted(found, key=lambda each: folded(each.name))


def _matching(known: list[Dataset], text: str, what: str) -> Dataset:
    found = [each for each in known if folded(each.name) == folded(text) or each.id == text]
    if not found and text.startswith(PREFIX) and text != PREFIX:
        found = [each for each in known if each.id.startswith(text)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(repr(each.name) for each in known[:8]) or "none"
    if found:
        raise DataError(f"{len(found)} {what}s match {text[:80]!r}: give an id ({', '.join(e.id for e in found[:4])})")
    raise DataError(f"no {what} has the name or id {text[:80]!r}; there are {names}: python -m roboreg_core data list")


def _taken(except_id: str = "") -> set[str]:
    return {folded(each.name) for each in own_datasets() if each.id != except_id} | _RESERVED


def _own_folder(dataset: Dataset) -> Path:
    if not dataset.is_own:
        raise DataError(f"{dataset.name} cannot be renamed or deleted: choose a data set that you added")
    return paths.datasets() / dataset.id
