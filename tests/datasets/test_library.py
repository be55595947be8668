from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from roboreg_core import paths
from roboreg_core.datasets import library
from roboreg_core.datasets.dataset import CIFAR10, MANIFEST, TRASH, Dataset, dataset_of
from roboreg_core.datasets.image_import import import_images
from roboreg_core.datasets.image_inspection import inspect_source
from roboreg_core.errors import DataError
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from tests.datasets.made_images import classes, write


@pytest.fixture
def digits(tmp_path: Path) -> Dataset:
    return made(tmp_path, "digits", 0)


def made(tmp_path: Path, name: str, first: int) -> Dataset:
    return import_images(inspect_source(write(tmp_path / name, classes(2, 25, first=first)), 16))


def test_several_data_sets_side_by_side(tmp_path: Path, digits: Dataset) -> None:
    other = made(tmp_path, "Defects", 1_000)
    assert library.list_datasets() == [dataset_of("bundled"), other, digits]
    for text in ("DIGITS", digits.id, digits.id[:12]):
        assert library.find_dataset(text) == digits
    assert library.find_dataset("CIFAR-10") == library.find_dataset("cifar10") == CIFAR10


@pytest.mark.parametrize("text", ["", "nothing", "images-", "images"])
def test_an_unknown_name_lists_the_known_ones(digits: Dataset, text: str) -> None:
    with pytest.raises(DataError, match="'digits'"):
        library.find_dataset(text)


def test_rename(tmp_path: Path, digits: Dataset) -> None:
    made(tmp_path, "other", 1_000)
    renamed = library.rename_dataset(digits, "  Zahlen ")
    assert (renamed.name, renamed.id) == ("Zahlen", digits.id)
    assert dataset_of(digits.id) == renamed
    assert library.rename_dataset(renamed, "zahlen").name == "zahlen"
    for name in ("Other", "", "cifar10", "CIFAR-100", "auto", "bundled", "images-0", "a\u202eb", "x" * 200):
        with pytest.raises(DataError):
            library.rename_dataset(renamed, name)


@pytest.mark.parametrize("act", [library.delete_dataset, lambda dataset: library.rename_dataset(dataset, "mine")])
def test_cifar10_stays(act: object) -> None:
    with pytest.raises(DataError, match="cannot be renamed or deleted"):
        act(CIFAR10)  # type: ignore[operator]


def test_delete_and_restore(tmp_path: Path, digits: Dataset) -> None:
    library.delete_dataset(digits)
    assert library.own_datasets() == []
    assert library.deleted_datasets() == [digits]
    with pytest.raises(DataError, match="data restore"):
        dataset_of(digits.id)
    with pytest.raises(DataError):
        library.delete_dataset(digits)
    made(tmp_path / "later", "digits", 1_000)
    restored = library.restore_dataset(digits.id)
    assert restored == replace(digits, name="digits (2)")
    assert library.deleted_datasets() == []
    with pytest.raises(DataError, match="no deleted data set"):
        library.restore_dataset("digits")


def test_deleted_data_sets_go_after_thirty_days(tmp_path: Path, digits: Dataset) -> None:
    other = made(tmp_path, "other", 1_000)
    library.delete_dataset(digits)
    old = time.time() - 31 * 86_400
    os.utime(paths.datasets() / TRASH / digits.id / MANIFEST, (old, old))
    library.delete_dataset(other)
    assert library.deleted_datasets() == [other]


def test_a_damaged_data_set_is_left_out(digits: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    (paths.datasets() / digits.id / MANIFEST).write_text("{}")
    assert library.own_datasets() == []
    assert "left out" in caplog.text


def test_users(tmp_path: Path, digits: Dataset) -> None:
    store = Store(tmp_path / "store")
    assert library.users_of(digits, store) == {}
    specs = [
        ("run", {"training_set": digits.id}),
        ("run", {"training_set": "full"}),
        ("network", {"training_set": digits.id}),
        ("network", {"origin": "uploaded"}),
        ("search", {"setting": {"training_set": digits.id}}),
    ]
    for number, (kind, spec) in enumerate(specs):
        store.put_record(Record(kind=kind, id=f"{number:016}", created="2026-01-01", spec=spec, result={}))
    assert library.users_of(digits, store) == {"run": 1, "network": 1, "search": 1}
    assert library.users_of(CIFAR10, store) == {"run": 1}
