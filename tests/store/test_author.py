"""Every write asks for the author first, who may be refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roboreg_core.errors import AccessError
from roboreg_core.store.artifacts import Artifacts
from roboreg_core.store.records import SavedItem
from roboreg_core.store.saved_items import SavedItems
from roboreg_core.store.store import Store
from tests.store.helpers import job, record

WRITES: dict[str, Callable[[Store], Any]] = {
    "put_record": lambda store: store.put_record(record("new")),
    "complete_record": lambda store: store.complete_record(record("new")),
    "soft_delete_record": lambda store: store.soft_delete_record("a"),
    "restore_record": lambda store: store.restore_record("gone"),
    "delete_record": lambda store: store.delete_record("a"),
    "add_job": lambda store: store.add_job(job("new")),
    "update_job": lambda store: store.update_job("j", error="x"),
    "claim_job": lambda store: store.claim_job("j", "owner"),
    "finish_job": lambda store: store.finish_job("j", record("key")),
    "delete_job": lambda store: store.delete_job("j"),
    "set_state": lambda store: store.set_state("j", b"state"),
    "add_event": lambda store: store.add_event("j", {}),
    "mark_interrupted": lambda store: store.mark_interrupted(lambda owner: False),
    "set_aside": lambda store: store.set_aside(store.check()),
    "saved.add": lambda store: store.saved.add([SavedItem(id="new", kind="test", name="new")]),
    "saved.change": lambda store: store.saved.change("s", note="x"),
    "saved.delete": lambda store: store.saved.delete("s"),
    "saved.restore": lambda store: store.saved.restore("t"),
    "artifacts.put": lambda store: store.artifacts.put(b"new"),
}
READS = {
    "active_job_for", "author", "check", "count_jobs", "damage", "find_deleted_record", "find_record", "get_job",
    "get_record", "last_beat", "list_deleted", "list_events", "list_jobs", "list_parsed", "list_records", "usage",
    "version", "saved.active", "saved.deleted", "saved.read", "artifacts.get", "artifacts.path",
}  # fmt: skip
# Heartbeats and deletion of what nothing refers to are the app's own; `export_record` writes to another folder.
APP = {"beat", "check_writable", "close", "collect", "export_record", "artifacts.discard"}


def public(kind: type, prefix: str = "") -> set[str]:
    return {prefix + name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))}


def test_every_method_is_known() -> None:
    found = public(Store) | public(SavedItems, "saved.") | public(Artifacts, "artifacts.")
    assert found == set(WRITES) | READS | APP


@pytest.fixture
def home(tmp_path: Path) -> Path:
    store = Store(tmp_path)
    for each in ("a", "gone"):
        store.put_record(record(each))
    store.soft_delete_record("gone")
    store.add_job(job("j", key="key"))
    store.saved.add([SavedItem(id=each, kind="test", name=each) for each in ("s", "t")])
    store.saved.delete("t")
    return tmp_path


@pytest.mark.parametrize("name", WRITES)
def test_a_viewer_cannot_write(name: str, home: Path) -> None:
    def refuse() -> str:
        raise AccessError("sign in first")

    store = Store(home, author=refuse)
    before = _content(store)
    with pytest.raises(AccessError):
        WRITES[name](store)
    assert _content(store) == before
    assert not (home / "artifacts").exists()


def _content(store: Store) -> list[Any]:
    saved = store.saved.active("test"), store.saved.deleted("test")
    return [
        store.version(),
        store.list_records(),
        store.list_deleted(),
        store.list_jobs(),
        store.list_events("j"),
        *saved,
    ]
