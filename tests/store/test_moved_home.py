"""A store whose folder is moved, deleted, replaced or emptied while it is open, and one that may not be written."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from roboreg_core.errors import StoreError
from roboreg_core.store.database import MIGRATIONS, Database
from roboreg_core.store.store import Store
from tests.store.helpers import job, python, record


def test_a_home_that_is_moved_away_is_refused_until_it_is_back(store: Store) -> None:
    store.put_record(record("before"))
    away = store.home.rename(store.home.with_name("away"))
    for use in (
        store.version,
        store.list_jobs,
        lambda: store.put_record(record("a")),
        lambda: store.artifacts.put(b"a"),
    ):
        with pytest.raises(StoreError, match=r"home"):
            use()
    assert not store.home.exists(), "nothing makes it again"
    away.rename(store.home)
    store.put_record(record("after"))
    assert {each.id for each in Store(store.home).list_records()} == {"before", "after"}


def test_a_home_restored_from_a_copy_is_used_again(store: Store) -> None:
    store.put_record(record("in the copy"))
    copy = store.home.with_name("copy")
    with sqlite3.connect(store.home / "roboreg.db") as live:
        copy.mkdir()
        with sqlite3.connect(copy / "roboreg.db") as target:
            live.backup(target)
    store.put_record(record("lost"))
    seen = store.version()
    assert {each.id for each in store.list_records()} == {"in the copy", "lost"}
    shutil.rmtree(store.home)
    with pytest.raises(StoreError, match="gone"):
        store.list_records()
    copy.rename(store.home)
    store.put_record(record("new"))
    assert {each.id for each in store.list_records()} == {"in the copy", "new"}
    assert store.version() > seen


def copied(store: Store) -> Path:
    """A copy of the database as it is now."""
    store.close()
    return Path(shutil.copy(store.home / "roboreg.db", store.home.with_name("copy.db")))


def test_the_first_list_of_a_restored_home_is_up_to_date(store: Store) -> None:
    store.put_record(record("in the copy"))
    copy = copied(store)
    store.put_record(record("lost"))
    with store._database.write() as db:
        db.execute("UPDATE records SET result = '{' WHERE id = 'in the copy'")
    assert [each.id for each in store.list_records()] == ["lost"]
    assert len(store.damage()) == 1
    store.close()
    copy.replace(store.home / "roboreg.db")
    assert [each.id for each in store.list_records()] == ["in the copy"]
    assert store.damage() == []


def test_a_copy_written_into_the_open_file_is_listed(store: Store) -> None:
    store.put_record(record("in the copy", result={"text": "x" * 9000}))
    copy = copied(store)
    store.put_record(record("lost"))
    with store._database.write() as db:
        db.execute("UPDATE records SET result = '{' WHERE id = 'in the copy'")
    assert [each.id for each in store.list_records()] == ["lost"]
    store.close()
    shutil.copyfile(copy, store.home / "roboreg.db")
    Store(store.home).put_record(record("new"))
    assert {each.id for each in store.list_records()} == {"in the copy", "new"}
    assert store.damage() == []


def test_another_store_in_its_place_is_refused(store: Store) -> None:
    store.put_record(record("ours"))
    away = store.home.rename(store.home.with_name("away"))
    Store(store.home).put_record(record("theirs"))
    for _ in range(2):
        with pytest.raises(StoreError, match="another store was put"):
            store.add_job(job("a"))
    assert Store(store.home).list_jobs() == []
    shutil.rmtree(store.home)
    away.rename(store.home)
    assert [each.id for each in store.list_records()] == ["ours"]


@pytest.mark.parametrize("content", [b"", b"something else, long enough to be looked at" * 50])
def test_another_file_in_its_place_is_refused(store: Store, content: bytes) -> None:
    path, away = store.home / "roboreg.db", store.home / "away.db"
    store.close()
    path.rename(away)
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"roboreg\.db .*restore it from a backup"):
            store.put_record(record("a"))
    assert path.read_bytes() == content
    away.replace(path)
    store.put_record(record("a"))


@pytest.mark.parametrize("kept", [0, 5000])
def test_a_database_cut_off_or_overwritten_while_open_is_refused_until_it_is_restored(store: Store, kept: int) -> None:
    path = store.home / "roboreg.db"
    for number in range(50):
        store.put_record(record(f"record {number}", result={"text": "x" * 1000}))
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:kept] + (b"\xff" * 9000 if kept else b""))
    for _ in range(2):
        with pytest.raises(StoreError, match="restore it from a backup"):
            store.list_records()
    path.write_bytes(whole)
    assert len(store.list_records()) == 50


@pytest.mark.parametrize("missing", [False, True])
def test_a_lost_database_beside_artefacts_is_no_new_store(store: Store, missing: bool) -> None:
    name = store.artifacts.put(b"weights")
    store.close()
    path = store.home / "roboreg.db"
    path.unlink()
    if not missing:
        path.touch()
    with pytest.raises(StoreError, match=r"restore it from a backup, or move .*artifacts away"):
        Store(store.home)
    assert path.exists() is not missing
    store.artifacts.folder.rename(store.home / "old artifacts")
    assert Store(store.home).list_records() == []
    assert (store.home / "old artifacts" / name).read_bytes() == b"weights"


def make_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be written; permissions do not bind root, who may run the tests."""
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)


@pytest.mark.parametrize("with_shared_memory", [True, False])
def test_a_read_only_home_is_read_and_not_written(
    tmp_path: Path, with_shared_memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Store(tmp_path)
    before.put_record(record("a"))
    before.close()
    if not with_shared_memory:
        (tmp_path / "roboreg.db-shm").mkdir()
    make_read_only(monkeypatch)
    content = (tmp_path / "roboreg.db").read_bytes()
    store = Store(tmp_path)
    assert [each.id for each in store.list_records()] == ["a"]
    assert store.list_jobs() == []
    with pytest.raises(StoreError, match="read-only: make the file and its folder writable"):
        store.put_record(record("b"))
    assert (tmp_path / "roboreg.db").read_bytes() == content


def test_writes_in_the_log_of_a_process_that_died_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
import os, sys
from pathlib import Path
from roboreg_core.store.store import Store
from tests.store.helpers import record
Store(Path(sys.argv[1])).put_record(record("a"))
os._exit(9)
"""
    assert python(code, str(tmp_path)).wait(60) == 9
    (tmp_path / "roboreg.db-shm").unlink()
    (tmp_path / "roboreg.db-shm").mkdir()
    make_read_only(monkeypatch)
    assert [each.id for each in Store(tmp_path).list_records()] == ["a"]


def test_a_home_that_becomes_writable_is_written_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        make_read_only(patch)
        with pytest.raises(StoreError, match="read-only"):
            store.put_record(record("a"))
    store.put_record(record("a"))
    assert [each.id for each in store.list_records()] == ["a"]


def test_a_read_only_store_of_an_older_version_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "roboreg.db"
    connection = sqlite3.connect(path)
    connection.executescript(Path(__file__).with_name("version-1.sql").read_text())
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    content = path.read_bytes()
    make_read_only(monkeypatch)
    store = Store(tmp_path)
    assert {each.id for each in store.list_records()} == {"a", "b"}
    assert store.saved.active("schedule") == []
    with store._database.read():  # a second reader uses another copy
        assert {each.id for each in store.list_records()} == {"a", "b"}
    assert path.read_bytes() == content


def test_a_store_of_the_version_before_gets_an_identity(tmp_path: Path) -> None:
    without = next(
        number for number, steps in enumerate(MIGRATIONS) if any("ADD COLUMN store" in each for each in steps)
    )
    Database(tmp_path / "db", MIGRATIONS[:without]).close()
    Database(tmp_path / "other", MIGRATIONS[:without]).close()
    identities = set()
    for name in ("db", "db", "other"):
        with Database(tmp_path / name).read() as db:
            identities.add(db.execute("SELECT store FROM counter").fetchone()[0])
    assert len(identities) == 2
    assert all(len(each) == 32 for each in identities)
