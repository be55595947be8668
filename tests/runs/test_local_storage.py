"""Task functions in the caller's process: states and results that cannot be written."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roboreg_core.errors import StorageError
from roboreg_core.jobs.task import Context, Output
from roboreg_core.runs.local import make_here
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def steps(context: Context, count: int = 3) -> Output:
    """Count from the saved step."""
    begun = int(context.state or b"0")
    for step in range(begun + 1, count + 1):
        context.save(str(step).encode())
    return Output(result={"begun": begun}, artifacts={"weights": b"weights"})


def make(store: Store, function: Callable[[Context], Output]) -> Record:
    return make_here(lambda spec, context: function(context), "made", "key", {}, {}, store)


def refuse(context: Context) -> Output:
    raise AssertionError("the work began")


def test_a_store_that_cannot_be_written_is_refused_before_the_work(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with pytest.raises(StorageError, match="read-only"):
        make(store, refuse)


@pytest.mark.parametrize("name", ["artifacts", "unfinished"])
def test_a_file_in_place_of_a_folder_is_named_before_the_work(store: Store, name: str) -> None:
    (store.home / name).write_text("in the way")
    with pytest.raises(StorageError, match=rf"cannot write .*{name}"):
        make(store, refuse)


def test_a_state_that_cannot_be_written_does_not_end_the_work(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def obstructed(context: Context) -> Output:
        (store.unfinished / "key").mkdir()
        output = steps(context)
        (store.unfinished / "key").rmdir()
        return output

    with caplog.at_level(logging.WARNING):
        record = make(store, obstructed)
    assert store.get_record("key") == record
    assert len(caplog.messages) == 3
    assert all("state" in each for each in caplog.messages)


def test_a_result_that_cannot_be_stored_leaves_the_state_to_resume_from(store: Store) -> None:
    def obstructed(context: Context) -> Output:
        output = steps(context)
        store.artifacts.folder.rmdir()
        store.artifacts.folder.write_text("in the way")
        return output

    with pytest.raises(StorageError, match="repeat the command"):
        make(store, obstructed)
    assert store.get_record("key") is None
    store.artifacts.folder.unlink()
    result: dict[str, Any] = make(store, steps).result
    assert result["begun"] == 3
    assert list(store.unfinished.iterdir()) == []
