"""Items saved under names."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboreg_core.errors import StoreError
from roboreg_core.store.names import folded
from roboreg_core.store.records import LONGEST_NAME, SavedItem
from roboreg_core.store.store import Store
from tests.store.helpers import python


def item(name: str, item_id: str = "", **changes: object) -> SavedItem:
    return SavedItem(id=item_id or f"id of {name}", kind="test", name=name, **changes)  # type: ignore[arg-type]


def names(store: Store) -> list[str]:
    return [each.name for each in store.saved.active("test")]


def test_what_was_added_is_there_whole(store: Store) -> None:
    given_ = item("a", note="n", tags=("x", "y"), content={"schedule": [1, 2]})
    (kept,) = store.saved.add([given_])
    assert store.saved.active("test") == [kept]
    assert (kept.note, kept.tags, kept.content) == ("n", ("x", "y"), {"schedule": [1, 2]})
    assert kept.created == kept.changed != ""
    assert store.saved.active("other") == []


@pytest.mark.parametrize("same", ["half", "HALF", " half", "\uff48\uff41\uff4c\uff46"])
def test_a_name_is_taken_whatever_its_case_and_form(store: Store, same: str) -> None:
    store.saved.add([item("half")])
    with pytest.raises(StoreError, match="is taken by another saved test: choose another name"):
        store.saved.add([item("free"), item(same, "other")])
    assert names(store) == ["half"], "all or none"
    assert store.saved.add([item(same, "other")], number=True)[0].name == f"{same} (2)"


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("crowded"))


@settings(max_examples=25)
@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=LONGEST_NAME))
def test_numbered_names_are_new_and_not_too_long(crowded: Store, name: str) -> None:
    items = [SavedItem(id=uuid.uuid4().hex, kind="test", name=name) for _ in range(3)]
    kept = crowded.saved.add(items, number=True)
    active = crowded.saved.active("test")
    assert len({folded(each.name) for each in active}) == len(active)
    assert max(len(each.name) for each in kept) <= LONGEST_NAME


def test_numbers_count_on(store: Store) -> None:
    kept = store.saved.add([item("a", str(number)) for number in range(3)], number=True)
    assert [each.name for each in kept] == ["a", "a (2)", "a (3)"]
    assert store.saved.add([item("a (2)", "copy")], number=True)[0].name == "a (4)"


def test_deleting_and_restoring_changes_nothing(store: Store) -> None:
    kept = store.saved.add([item("a"), item("b"), item("c")])
    deleted = store.saved.delete("id of b")
    assert names(store) == ["a", "c"]
    assert [each.id for each in store.saved.deleted("test")] == ["id of b"]
    assert deleted.deleted
    assert store.saved.restore("id of b") == kept[1]
    assert store.saved.active("test") == kept
    assert store.saved.deleted("test") == []


def test_a_restored_name_that_was_taken_gets_a_number(store: Store) -> None:
    store.saved.add([item("a")])
    store.saved.delete("id of a")
    store.saved.add([item("A", "new")])
    assert store.saved.restore("id of a").name == "a (2)"


def test_changes_are_kept_and_checked(store: Store) -> None:
    first, second = store.saved.add([item("a"), item("b")])
    assert store.saved.change(first.id, name="A").name == "A", "its own name is not taken"
    assert store.saved.change(first.id, tags=("t",), note="n").tags == ("t",)
    with pytest.raises(StoreError, match="is taken"):
        store.saved.change(second.id, name="a")
    with pytest.raises(StoreError, match="kind cannot be changed: only content, name, note, tags"):
        store.saved.change(second.id, kind="x")
    with pytest.raises(StoreError, match="no saved item has the id"):
        store.saved.change("unknown", name="x")
    with pytest.raises(StoreError, match="may have been deleted"):
        store.saved.delete("unknown")
    with pytest.raises(StoreError, match="restored for 30 days"):
        store.saved.restore(second.id)


def test_items_deleted_for_a_month_are_removed(store: Store) -> None:
    store.saved.add([item("old"), item("new")])
    store.saved.delete("id of old")
    with sqlite3.connect(store.home / "roboreg.db") as db:
        db.execute("UPDATE saved SET deleted = '2020-01-01T00:00:00.000+00:00' WHERE deleted IS NOT NULL")
    db.close()
    store.saved.delete("id of new")
    assert [each.name for each in store.saved.deleted("test")] == ["new"]


ADDER = """
import sys
from pathlib import Path
from roboreg_core.store.records import SavedItem
from roboreg_core.store.store import Store
store = Store(Path(sys.argv[1]))
for number in range(20):
    store.saved.add([SavedItem(id=f"{sys.argv[2]} {number}", kind="test", name="same")], number=True)
"""


def test_two_processes_never_give_the_same_name(tmp_path: Path) -> None:
    adders = [python(ADDER, str(tmp_path / "home"), name) for name in ("a", "b")]
    assert [adder.wait(60) for adder in adders] == [0, 0]
    kept = names(Store(tmp_path / "home"))
    assert len({folded(name) for name in kept}) == len(kept) == 40
