"""The SQLite file: versions, concurrent processes, disk errors."""

from __future__ import annotations

import importlib
import sqlite3
import threading
from pathlib import Path

import pytest

from roboreg_core.errors import StoreError
from roboreg_core.store.database import MIGRATIONS, Database
from roboreg_core.store.store import Store
from tests.store.helpers import job, python, record

WRITER = """
import sys
from pathlib import Path
from roboreg_core.store.store import Store
store = Store(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    store.add_event("shared", {"by": sys.argv[2], "number": number})
    store.set_state("shared", f"{sys.argv[2]} {number}".encode())
"""

OPENER = "import sys; from pathlib import Path; from roboreg_core.store.store import Store; Store(Path(sys.argv[1]))"


def test_several_processes_write_at_once(store: Store) -> None:
    store.add_job(job("shared"))
    writers = [python(WRITER, str(store.home), name, "40") for name in ("a", "b", "c")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    events = store.list_events("shared")
    assert [event.number for event in events] == list(range(1, 121))
    for name in ("a", "b", "c"):
        reported = [event.payload["number"] for event in events if event.payload["by"] == name]
        assert reported == list(range(40)), "each one's in its order"
    found = store.get_job("shared")
    assert found is not None
    assert found.state is not None
    assert [path.name for path in store.artifacts.folder.iterdir()] == [found.state]


def test_several_processes_make_the_store_at_once(tmp_path: Path) -> None:
    openers = [python(OPENER, str(tmp_path / "home")) for _ in range(4)]
    assert [opener.wait(60) for opener in openers] == [0, 0, 0, 0]


def test_several_threads_write_at_once(store: Store) -> None:
    store.add_job(job("shared"))
    threads = [
        threading.Thread(target=lambda: [store.add_event("shared", {"n": n}) for n in range(25)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event.number for event in store.list_events("shared")] == list(range(1, 101))


def test_the_version_grows_with_every_change_by_any_process(store: Store) -> None:
    store.add_job(job("shared"))
    seen = store.version()
    assert store.version() == seen
    store.put_record(record("a"))
    assert store.version() > seen
    seen = store.version()
    assert python(WRITER, str(store.home), "a", "1").wait(30) == 0
    assert store.version() > seen


def test_a_process_that_dies_in_a_write_leaves_no_trace(store: Store) -> None:
    code = """
import os, sys
from pathlib import Path
from roboreg_core.store import row_mapping
from roboreg_core.store.store import Store
from tests.store.helpers import job, record
store = Store(Path(sys.argv[1]))
store.add_job(job("a", key="k"))
row_mapping.change_job = lambda *arguments: os._exit(9)
store.finish_job("a", record("k"), {"weights": b"weights"})
"""
    assert python(code, str(store.home)).wait(30) == 9
    assert store.get_record("k") is None
    found = store.get_job("a")
    assert found is not None
    assert found.status == "queued"


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "db"
    Database(path, (*MIGRATIONS, ("CREATE TABLE later (x)",))).close()
    newest = len(MIGRATIONS)
    text = rf"version {newest + 1}, this version of RoboReg supports up to {newest}: update RoboReg"
    with pytest.raises(StoreError, match=text):
        Database(path)


def test_an_older_store_is_brought_forward_once(tmp_path: Path) -> None:
    path = tmp_path / "db"
    Database(path, (("CREATE TABLE counter (value)",),)).close()
    steps = (
        ("CREATE TABLE counter (value)",),
        ("INSERT INTO counter VALUES (41)",),
        ("UPDATE counter SET value = 42",),
    )
    for _ in range(2):
        assert Database(path, steps).version() == 42


def test_a_store_of_the_first_version_keeps_what_it_holds(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "roboreg.db")
    connection.executescript(Path(__file__).with_name("version-1.sql").read_text())
    connection.close()
    openers = [python(OPENER, str(tmp_path)) for _ in range(3)]
    assert [opener.wait(60) for opener in openers] == [0, 0, 0]
    store = Store(tmp_path)
    assert {each.id: each.result["b"] for each in store.list_records()} == {"a": 1.5, "b": 2.5}
    assert [(each.id, each.status) for each in store.list_jobs()] == [("waiting", "queued"), ("done", "finished")]
    assert [event.payload for event in store.list_events("done")] == [{"stage": "tune"}]
    assert store.saved.active("schedule") == []
    store.soft_delete_record("a")
    assert [each.record.id for each in store.list_deleted()] == ["a"]


def test_a_store_without_authors_keeps_what_it_holds_and_gets_them(tmp_path: Path) -> None:
    Database(tmp_path / "roboreg.db", MIGRATIONS[:3]).close()
    connection = sqlite3.connect(tmp_path / "roboreg.db")
    connection.execute(
        "INSERT INTO jobs (id, kind, key, function, spec, inputs, lane, status, progress, created, attempts) "
        "VALUES ('old', 'kind', 'key', 'f:g', '{}', '{}', 'device', 'interrupted', '{}', '2026-01-01', 0)"
    )
    connection.execute(
        "INSERT INTO records (id, kind, created, spec, result, deleted) "
        "VALUES ('gone', 'run', '2026-01-01', '{}', '{}', '2026-01-02')"
    )
    connection.execute(
        "INSERT INTO saved (id, kind, name, folded, note, tags, content, created, changed, deleted) "
        "VALUES ('item', 'schedule', 'a', 'a', '', '[]', '{}', '2026-01-01', '2026-01-01', '2026-01-02')"
    )
    connection.commit()
    connection.close()
    store = Store(tmp_path, author=lambda: "Ada")
    assert [(each.id, each.author) for each in store.list_jobs()] == [("old", None)]
    assert [(each.record.id, each.deleted_by) for each in store.list_deleted()] == [("gone", None)]
    assert [(each.id, each.deleted_by) for each in store.saved.deleted("schedule")] == [("item", None)]
    assert store.claim_job("old", "owner").author == "Ada"
    store.restore_record("gone")
    store.soft_delete_record("gone")
    assert [each.deleted_by for each in store.list_deleted()] == ["Ada"]
    store.saved.restore("item")
    assert store.saved.active("schedule")[0].deleted_by is None
    assert store.saved.delete("item").deleted_by == "Ada"


def test_unfinished_jobs_find_task_functions_whose_modules_were_renamed(tmp_path: Path) -> None:
    path = tmp_path / "db"
    old = "roboreg_core.baselines.execute", "roboreg_core.explore.execute", "roboreg_core.explore.search_job"
    names = "execute", "measure", "search"
    Database(path, MIGRATIONS[:2]).close()
    connection = sqlite3.connect(path)
    for module, name in zip(old, names, strict=True):
        connection.execute(
            "INSERT INTO jobs (id, kind, key, function, spec, inputs, lane, status, progress, created, attempts) "
            "VALUES (?, 'kind', ?, ?, '{}', '{}', 'device', 'interrupted', '{}', '2026-01-01', 0)",
            (name, name, f"{module}:{name}"),
        )
    connection.commit()
    connection.close()
    with Database(path).read() as db:
        functions = [row[0] for row in db.execute("SELECT function FROM jobs ORDER BY number")]
    for function, name in zip(functions, names, strict=True):
        module, _, attribute = function.partition(":")
        assert attribute == name
        assert callable(getattr(importlib.import_module(module), attribute))


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with pytest.raises(StoreError):
        Database(path, (("CREATE TABLE one (x)", "CREATE TABLE one (x)"),))
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "roboreg.db").write_bytes(b"not a database, but long enough to be looked at" * 30)
    with pytest.raises(StoreError, match=r"roboreg\.db cannot be used .*restore it from a backup"):
        Store(tmp_path)


def test_a_path_that_is_too_long_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="ROBOREG_HOME"):
        Store(tmp_path / ("x" * 300))


def test_a_folder_that_cannot_be_searched_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **options: bool) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)  # permissions do not bind root, who may run the tests
    with pytest.raises(StoreError, match=r"Permission denied.*ROBOREG_HOME"):
        Store(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write .*roboreg\.db .*ROBOREG_HOME"):
        Store(tmp_path / "file" / "home")


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("database or disk is full", "free some space"),
        ("attempt to write a readonly database", "writable"),
        ("disk I/O error", "check its disk"),
        ("database is locked", "close the other programs"),
        ("something new", "another folder"),
    ],
)
def test_refusals_come_with_a_remedy(store: Store, message: str, remedy: str) -> None:
    database = Database(store.home / "roboreg.db")
    with pytest.raises(StoreError, match=remedy), database.write():
        raise sqlite3.OperationalError(message)
    assert database.version() == store.version()


def test_a_full_disk_stops_nothing_but_the_write(store: Store) -> None:
    store.put_record(record("before"))
    with store._database.write() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(StoreError, match=r"full.*free some space"):
        store.put_record(record("large", result={"x": "x" * 100_000}))
    assert store.get_record("before") == record("before")
    assert store.get_record("large") is None
