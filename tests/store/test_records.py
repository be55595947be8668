"""Records: yours and shipped ones, and the artefacts that they refer to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roboreg_core.errors import StoreError
from roboreg_core.store.records import JobStatus, Record
from roboreg_core.store.shipped import drop
from roboreg_core.store.store import Store
from tests.store.helpers import files, job, record


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A folder with two shipped records, of which `old` has an artefact."""
    folder = tmp_path / "shipped"
    source = Store(tmp_path / "source")
    weights = source.artifacts.put(b"shipped weights")
    source.put_record(record("old", created="2025-01-01", result={"artifacts": {"weights": weights}}))
    source.put_record(record("both", created="2025-06-01", result={"from": "shipped"}))
    for record_id in ("both", "old"):
        source.export_record(record_id, folder)
    return folder


def test_a_record_comes_back_as_it_was_put(store: Store) -> None:
    store.put_record(record("a"))
    assert store.get_record("a") == record("a")
    assert store.get_record("b") is None
    store.put_record(record("a", result={"b": "new"}))
    assert store.list_records() == [record("a", result={"b": "new"})]


def test_only_new_records_are_read_again(store: Store) -> None:
    for name in ("a", "b", "c"):
        store.put_record(record(name))
    before = {each.id: each for each in store.list_records()}
    store.put_record(record("b", result={"b": "new"}))
    Store(store.home).put_record(record("d"))
    store.soft_delete_record("c")
    after = {each.id: each for each in store.list_records()}
    assert after == {"a": record("a"), "b": record("b", result={"b": "new"}), "d": record("d")}
    assert after["a"] is before["a"]
    store.restore_record("c")
    assert {each.id for each in store.list_records()} == {"a", "b", "c", "d"}


def test_lists_read_only_the_parts_asked_for(tmp_path: Path, shipped: Path) -> None:
    store = Store(tmp_path / "home", shipped)
    result = {"cost": {"macs": 2, "layers": [1, 2]}, "stages": {"dense": {"accuracy": 0.1}}, "none": None, "list": [3]}
    store.put_record(record("a", result=result))
    store.put_record(record("nan", result={"cost": {"macs": 4, "loss": float("nan")}, "list": []}))
    parts = ("cost.macs", "stages.dense.accuracy", "none", "list", "from")
    expected = {
        "a": {"cost": {"macs": 2}, "stages": {"dense": {"accuracy": 0.1}}, "list": [3]},
        "nan": {"cost": {"macs": 4}, "list": []},
        "both": {"from": "shipped"},
        "old": {},
    }
    assert {each.id: each.result for each in store.list_records(parts=parts)} == expected
    assert {each.id: each.result for each in store.list_records(parts=("list",))}["a"] == {"list": [3]}
    assert [each.result for each in store.list_records(parts=())] == [{}] * 4
    assert {each.id: each.spec for each in store.list_records(parts=parts)}["a"] == record("a").spec
    store.soft_delete_record("a")
    assert [each.record.result for each in store.list_deleted(parts=("cost.macs",))] == [{"cost": {"macs": 2}}]
    assert store.get_record("nan").result["list"] == []


def test_each_record_of_a_parsed_list_is_parsed_once(tmp_path: Path, shipped: Path) -> None:
    store, parsed = Store(tmp_path / "home", shipped), []

    def parse(found: Record) -> str | None:
        parsed.append(found.id)
        return None if found.id == "left out" else found.id.upper()

    store.put_record(record("a", created="2026-02-01"))
    store.put_record(record("left out"))
    assert store.list_parsed(parse) == ["A", "BOTH", "OLD"]
    store.put_record(record("b", created="2026-03-01"))
    store.put_record(record("both", created="2026-04-01"))
    assert store.list_parsed(parse) == ["BOTH", "B", "A", "OLD"]
    assert sorted(parsed) == ["a", "b", "both", "both", "left out", "old"]


@pytest.mark.parametrize("count", [1, 50])
def test_a_list_takes_two_statements_whatever_its_length(store: Store, count: int) -> None:
    statements: list[str] = []
    for number in range(count):
        store.put_record(record(f"{number}"))
    with store._database.read() as db:  # the only connection, used again by the list
        db.set_trace_callback(statements.append)
    for parts in (None, ("b",)):
        statements.clear()
        assert len(store.list_records("test", parts)) == count
        assert sum(each.startswith("SELECT") for each in statements) == 2
        statements.clear()
        assert len(store.list_records("test", parts)) == count
        assert sum(each.startswith("SELECT") for each in statements) == 1
    for number in range(count):
        store.soft_delete_record(f"{number}")
    statements.clear()
    assert len(store.list_deleted("test")) == count
    assert sum(each.startswith("SELECT") for each in statements) == 1


def test_a_second_store_on_the_same_folder_sees_it(store: Store) -> None:
    store.put_record(record("a"))
    assert Store(store.home).get_record("a") == record("a")


def test_records_are_listed_by_kind_newest_first(store: Store) -> None:
    store.put_record(record("older", created="2026-01-01"))
    store.put_record(record("newest", created="2026-03-01"))
    store.put_record(record("other", kind="other", created="2026-02-01"))
    store.put_record(record("same time, put later", created="2026-01-01"))
    assert [each.id for each in store.list_records("test")] == ["newest", "same time, put later", "older"]
    assert [each.id for each in store.list_records()] == ["newest", "other", "same time, put later", "older"]


def test_a_record_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    for record_id in ("abc1", "abc2", "b%_", "abc"):
        store.put_record(record(record_id))
    assert store.find_record("abc1").id == "abc1"
    assert store.find_record("abc").id == "abc", "the whole id goes before beginnings"
    assert store.find_record("b").id == "b%_"
    with pytest.raises(StoreError, match=r"3 records begin with 'ab' \(abc, abc1, abc2\)"):
        store.find_record("ab")
    for unknown in ("x", "%", "_"):
        with pytest.raises(StoreError, match="no record begins"):
            store.find_record(unknown)
    with pytest.raises(StoreError, match="at least one"):
        store.find_record("")


def test_shipped_records_stand_beside_the_own_ones(store: Store, shipped: Path) -> None:
    both = Store(store.home, shipped)
    both.put_record(record("own", created="2026-01-01"))
    assert [(each.id, each.recorded) for each in both.list_records("test")] == [
        ("own", False),
        ("both", True),
        ("old", True),
    ]
    old = both.find_record("ol")
    assert old.recorded
    assert both.artifacts.get(old.result["artifacts"]["weights"]) == b"shipped weights"
    assert files(both.artifacts.folder) == set(), "never copied"


def test_an_own_record_goes_before_a_shipped_one(store: Store, shipped: Path) -> None:
    both = Store(store.home, shipped)
    both.put_record(record("both", result={"from": "own"}))
    for found in (both.get_record("both"), both.find_record("bo"), both.list_records()[0]):
        assert found is not None
        assert (found.result, found.recorded) == ({"from": "own"}, False)
    both.delete_record("both")
    found = both.get_record("both")
    assert found is not None
    assert found.recorded


def test_shipped_records_are_never_changed(store: Store, shipped: Path) -> None:
    before = {path: path.read_bytes() for path in shipped.rglob("*") if path.is_file()}
    both = Store(store.home, shipped)
    with pytest.raises(StoreError, match="is an example"):
        both.delete_record("old")
    both.put_record(record("own", result=record("x").result))
    both.delete_record("own")
    both.collect(min_age=0)
    assert {path: path.read_bytes() for path in shipped.rglob("*") if path.is_file()} == before


def test_shipped_records_are_read_again_when_their_file_changes(store: Store, shipped: Path) -> None:
    both = Store(store.home, shipped)
    assert both.get_record("later") is None
    store.put_record(record("later"))
    store.export_record("later", shipped)
    assert both.get_record("later") is not None


@pytest.mark.parametrize("text", ["{", "[1]", '[{"id": "a"}]', "{}x"])
def test_damaged_shipped_records_are_named(store: Store, shipped: Path, text: str) -> None:
    (shipped / "records.json").write_text(text)
    with pytest.raises(StoreError, match=r"records\.json cannot be read"):
        Store(store.home, shipped).list_records()


def test_a_missing_folder_of_shipped_records_is_an_empty_one(store: Store, tmp_path: Path) -> None:
    assert Store(store.home, tmp_path / "nowhere").list_records() == []


def test_an_export_keeps_what_was_exported_before(store: Store, shipped: Path) -> None:
    store.put_record(record("both", result={"from": "newer"}))
    store.export_record("both", shipped)
    rows = json.loads((shipped / "records.json").read_text())
    assert {row["id"]: row["result"] for row in rows}["both"] == {"from": "newer"}
    assert {row["id"] for row in rows} == {"old", "both"}
    with pytest.raises(StoreError, match="no record nothing"):
        store.export_record("nothing", shipped)


def test_dropping_shipped_records_deletes_their_artefacts(store: Store, shipped: Path) -> None:
    weights = store.artifacts.put(b"other weights")
    store.put_record(record("new", result={"artifacts": {"weights": weights}}))
    store.export_record("new", shipped)
    drop(shipped, lambda each: each.id in ("old", "both"))
    assert [row["id"] for row in json.loads((shipped / "records.json").read_text())] == ["new"]
    assert files(shipped / "artifacts") == {weights}
    drop(shipped / "nowhere", lambda each: True)


def test_an_artefact_is_deleted_with_its_last_reference(store: Store) -> None:
    shared, alone = store.artifacts.put(b"shared"), store.artifacts.put(b"alone")
    store.put_record(record("a", result={"artifacts": {"x": shared, "y": alone}}))
    store.put_record(record("b", result={"artifacts": {"x": shared}}))
    store.add_job(job("c", inputs={"x": shared}))
    store.delete_record("a")
    assert files(store.artifacts.folder) == {shared}
    store.delete_record("b")
    assert shared in store.artifacts, "a job still reads it"
    store.update_job("c", status=JobStatus.CANCELLED)
    store.delete_job("c")
    assert files(store.artifacts.folder) == set()


def test_replacing_a_record_deletes_its_artefacts(store: Store) -> None:
    first, second = store.artifacts.put(b"first"), store.artifacts.put(b"second")
    store.put_record(record("a", result={"artifacts": {"x": first}}))
    store.put_record(record("a", result={"artifacts": {"x": second}}))
    assert files(store.artifacts.folder) == {second}


def test_a_record_cannot_refer_to_what_is_missing(store: Store) -> None:
    with pytest.raises(StoreError, match="is missing"):
        store.put_record(record("a", result={"artifacts": {"x": "0" * 64}}))
    assert store.get_record("a") is None


def test_values_that_are_not_json_are_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="only JSON"):
        store.put_record(record("a", result={"x": {1, 2}}))
    assert store.list_records() == []


def test_an_unknown_record_cannot_be_deleted(store: Store) -> None:
    with pytest.raises(StoreError, match="no record nothing"):
        store.delete_record("nothing")


def test_a_deleted_record_is_hidden_until_it_is_restored(store: Store) -> None:
    name = store.artifacts.put(b"weights")
    kept = record("abc", result={"artifacts": {"x": name}})
    store.put_record(kept)
    store.soft_delete_record("abc")
    assert store.get_record("abc") is None
    assert store.list_records() == []
    with pytest.raises(StoreError, match="no record begins with 'abc'"):
        store.find_record("abc")
    with pytest.raises(StoreError, match="no record abc"):
        store.soft_delete_record("abc")
    assert [each.record for each in store.list_deleted("test", "a")] == [kept] == [store.find_deleted_record("a")]
    assert store.collect().files == 0
    assert store.restore_record("abc") == kept == store.get_record("abc")
    assert store.artifacts.get(name) == b"weights"
    with pytest.raises(StoreError, match="no deleted record begins with 'abc'"):
        store.restore_record("abc")


def test_records_deleted_for_a_month_are_removed_with_their_artefacts(store: Store) -> None:
    shared, alone = store.artifacts.put(b"shared"), store.artifacts.put(b"alone")
    store.put_record(record("old", result={"artifacts": {"x": shared, "y": alone}}))
    store.put_record(record("new", result={"artifacts": {"x": shared}}))
    store.soft_delete_record("old")
    with store._database.write() as db:
        db.execute("UPDATE records SET deleted = '2020-01-01T00:00:00.000+00:00' WHERE id = 'old'")
    store.soft_delete_record("new")
    assert [each.record.id for each in store.list_deleted()] == ["new"]
    assert files(store.artifacts.folder) == {shared}


def test_a_record_made_again_takes_the_place_of_the_deleted_one(store: Store) -> None:
    store.put_record(record("a", result={"from": "first"}))
    store.soft_delete_record("a")
    store.put_record(record("a", result={"from": "second"}))
    assert store.list_deleted() == []
    assert store.list_records() == [record("a", result={"from": "second"})]


def test_shipped_records_cannot_be_deleted(tmp_path: Path, shipped: Path) -> None:
    both = Store(tmp_path / "home", shipped)
    with pytest.raises(StoreError, match="is an example and cannot be deleted: only your"):
        both.soft_delete_record("old")


def test_a_deleted_record_can_be_deleted_for_good(store: Store) -> None:
    store.put_record(record("a", result={"artifacts": {"x": store.artifacts.put(b"x")}}))
    store.soft_delete_record("a")
    store.delete_record("a")
    assert store.list_deleted() == []
    assert files(store.artifacts.folder) == set()


def test_a_prefix_of_a_deleted_records_id_must_be_unique(store: Store) -> None:
    for each in ("ab", "abc", "abd"):
        store.put_record(record(each))
        store.soft_delete_record(each)
    assert store.find_deleted_record("ab").id == "ab"
    for prefix in ("a", ""):
        with pytest.raises(StoreError, match="give more of the id"):
            store.find_deleted_record(prefix)
