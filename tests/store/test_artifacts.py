"""Artefacts: atomic writes, checked when read, fallback folder read-only."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from roboreg_core.errors import StoreError
from roboreg_core.store.artifacts import Artifacts
from tests.store.helpers import files, python


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "own", tmp_path / "shipped")


@pytest.mark.parametrize("content", [b"", b"weights", bytes(range(256)) * 4000])
def test_stored_bytes_are_read_back(artifacts: Artifacts, content: bytes) -> None:
    name = artifacts.put(content)
    assert name == sha(content)
    assert artifacts.get(name) == content
    assert artifacts.path(name).read_bytes() == content
    assert name in artifacts
    assert artifacts.put(content) == name
    assert files(artifacts.folder) == {name}


def test_a_missing_artefact_is_named(artifacts: Artifacts) -> None:
    name = sha(b"nothing")
    assert name not in artifacts
    for ask in (artifacts.get, artifacts.path):
        with pytest.raises(StoreError, match=f"{name} is missing"):
            ask(name)


@pytest.mark.parametrize("damage", [b"", b"weight", b"weightz", b"weights and more"])
def test_damage_is_named_and_repaired_by_putting_again(artifacts: Artifacts, damage: bytes) -> None:
    name = artifacts.put(b"weights")
    artifacts.path(name).write_bytes(damage)
    with pytest.raises(StoreError, match=f"{name} is damaged"):
        artifacts.get(name)
    artifacts.put(b"weights")
    assert artifacts.get(name) == b"weights"


def test_an_artefact_deleted_while_it_is_put_again_is_written(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, utime = artifacts.put(b"weights"), os.utime

    def delete_first(path: Path) -> None:
        path.unlink()
        utime(path)

    monkeypatch.setattr(os, "utime", delete_first)
    assert artifacts.put(b"weights") == name
    assert artifacts.get(name) == b"weights"


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "/x"])
def test_only_sums_are_names(artifacts: Artifacts, name: str) -> None:
    for ask in (artifacts.get, artifacts.path, artifacts.discard):
        with pytest.raises(StoreError, match="64 hexadecimal"):
            ask(name)


def test_the_second_folder_is_read_and_never_changed(artifacts: Artifacts) -> None:
    assert artifacts.fallback is not None
    name = Artifacts(artifacts.fallback).put(b"shipped")
    assert artifacts.get(name) == b"shipped"
    artifacts.discard(name)
    assert artifacts.get(name) == b"shipped"
    assert files(artifacts.folder) == set()


def test_the_second_folder_stands_in_for_a_damaged_file(artifacts: Artifacts) -> None:
    assert artifacts.fallback is not None
    name = Artifacts(artifacts.fallback).put(b"both")
    artifacts.put(b"both")
    (artifacts.folder / name).write_bytes(b"damaged")
    assert artifacts.get(name) == b"both"


def test_a_crash_before_the_rename_leaves_nothing_under_the_name(artifacts: Artifacts) -> None:
    code = """
import os, sys
from pathlib import Path
from roboreg_core.store.artifacts import Artifacts
Path.replace = lambda self, target: os._exit(9)
Artifacts(Path(sys.argv[1])).put(b"weights")
"""
    assert python(code, str(artifacts.folder)).wait(30) == 9
    assert len(files(artifacts.folder)) == 1, "the temporary file"
    assert sha(b"weights") not in artifacts
    artifacts.put(b"weights")
    assert artifacts.get(sha(b"weights")) == b"weights"


def test_a_failed_write_leaves_no_temporary_file(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left on device.*free some space"):
        artifacts.put(b"weights")
    assert files(artifacts.folder) == set()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write .*file.artifacts \(Not a directory\)"):
        Artifacts(tmp_path / "file" / "artifacts").put(b"weights")
