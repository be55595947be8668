"""Garbage, the space used, and the check of a store."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from roboreg_core.store import record_store, row_mapping
from roboreg_core.store.maintenance import Space
from roboreg_core.store.records import Job, JobStatus, Record, SavedItem
from roboreg_core.store.store import Store
from tests.store.helpers import files, job, record


def old(path: Path) -> Path:
    os.utime(path, (0, 0))
    return path


def filled(store: Store) -> dict[str, str]:
    """A record, a finished and an unfinished job, each with an artefact; all files are old."""
    names = {name: store.artifacts.put(name.encode()) for name in ("weights", "input")}
    store.put_record(record("made", result={"artifacts": {"weights": names["weights"]}}))
    store.add_job(job("waiting", inputs={"file": names["input"]}))
    names["state"] = store.set_state("waiting", b"state")
    for path in store.artifacts.folder.iterdir():
        old(path)
    return names


def test_what_crashes_leave_is_collected_and_nothing_else(store: Store) -> None:
    names = filled(store)
    store.unfinished.mkdir()
    (store.home / "checkpoints").mkdir()
    garbage = [
        store.artifacts.folder / store.artifacts.put(b"unreferenced"),
        store.artifacts.folder / ".part-artefact",
        store.unfinished / ".part-state",
        store.unfinished / "made",
        store.home / "checkpoints" / ".part-weights",
    ]
    kept = [store.unfinished / "interrupted", store.home / "checkpoints" / "own.safetensors"]
    kept += [store.artifacts.folder / "notes.txt"]
    for path in (*garbage[1:], *kept):
        path.write_bytes(b"twelve bytes")
        old(path)
    old(garbage[0])
    young = store.artifacts.put(b"young")
    part = store.artifacts.folder / ".part-young"
    part.touch()
    assert store.usage()["garbage"] == Space(files=7, bytes=4 * 12 + 12 + 5)
    assert store.collect() == Space(files=5, bytes=5 * 12)
    assert not any(path.exists() for path in garbage)
    assert all(path.exists() for path in kept)
    assert files(store.artifacts.folder) == {*names.values(), young, part.name, "notes.txt"}
    assert store.collect() == Space(files=0, bytes=0)


def test_putting_again_makes_an_artefact_young(store: Store) -> None:
    name = store.artifacts.put(b"weights")
    old(store.artifacts.path(name))
    store.artifacts.put(b"weights")
    assert store.collect().files == 0


def test_expired_items_are_collected_with_their_artefacts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    names = filled(store)
    store.soft_delete_record("made")
    assert store.collect().files == 0
    monkeypatch.setattr(row_mapping, "restorable_since", lambda: "9999")
    assert store.collect() == Space(files=1, bytes=len("weights"))
    assert names["weights"] not in store.artifacts
    assert store.list_deleted() == []


def test_the_space_used_is_counted_by_part(store: Store) -> None:
    filled(store)
    (store.home / "data").mkdir()
    (store.home / "data" / "images").write_bytes(b"x" * 100)
    (store.home / "notes").write_bytes(b"x" * 10)
    used = store.usage()
    assert used["artefacts"] == Space(files=3, bytes=len("weights" + "input" + "state"))
    assert used["data"] == Space(files=1, bytes=100)
    assert used["other"] == Space(files=1, bytes=10)
    assert used["unfinished"] == used["garbage"] == Space(files=0, bytes=0)
    assert used["database"].bytes >= (store.home / record_store.DATABASE).stat().st_size


def test_an_intact_store_passes(store: Store) -> None:
    filled(store)
    store.add_event("waiting", {"step": 1})
    found = store.check()
    assert found.sentences == []
    assert found.checked == {"records": 1, "jobs": 1, "saved": 0, "events": 1}


def test_damaged_and_missing_artefacts_are_named(store: Store) -> None:
    names = filled(store)
    store.artifacts.path(names["weights"]).write_bytes(b"weightz")
    store.artifacts.path(names["input"]).unlink()
    missing, damaged = store.check().sentences
    assert names["input"] in missing
    assert "inputs waiting" in missing
    assert names["weights"] in damaged


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM records", "held by record made, which does not exist"),
        ("DELETE FROM refs WHERE holder = 'record:made'", "record made names artefact"),
    ],
)
def test_references_and_holders_that_disagree_are_named(store: Store, statement: str, named: str) -> None:
    filled(store)
    with store._database.write() as db:
        db.execute(statement)
    (sentence,) = store.check().sentences
    assert named in sentence


def test_references_of_rows_that_do_not_exist_are_collected(store: Store) -> None:
    filled(store)
    with store._database.write() as db:
        db.execute("DELETE FROM records")
    assert store.collect() == Space(files=1, bytes=len("weights"))
    assert store.check().sentences == []


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("records", "result", '{"cut o'),
        ("records", "result", "[1]"),
        ("records", "spec", "null"),
        ("records", "created", "yesterday"),
        ("records", "result", b"\xff\xfe"),
        ("records", "result", '{"artifacts": {"weights": "../../etc/passwd"}}'),
        ("records", "result", '{"artifacts": 5}'),
        ("jobs", "spec", "{"),
        ("jobs", "status", "sleeping"),
        ("jobs", "progress", "7"),
        ("jobs", "inputs", '{"file": 1}'),
        ("jobs", "attempts", "many"),
        ("saved", "tags", '"none"'),
        ("saved", "tags", "[1]"),
        ("saved", "content", ""),
        ("events", "payload", "{"),
    ],
)
def test_a_damaged_row_hides_only_itself_is_named_and_can_be_set_aside(
    store: Store, table: str, column: str, value: Any
) -> None:
    for name in ("damaged", "whole"):
        store.put_record(record(name))
        store.add_job(job(name))
        store.add_event(name, {"step": 1})
        store.saved.add([SavedItem(id=name, kind="schedule", name=name)])
    with store._database.write() as db:
        key = "job" if table == "events" else "id"
        text = f"CAST(? AS {'BLOB' if table == 'jobs' and column == 'attempts' else 'TEXT'})"
        db.execute(f"UPDATE {table} SET {column} = {text} WHERE {key} = 'damaged'", (value,))

    def seen(opened: Store) -> dict[str, set[str]]:
        return {
            "records": {each.id for each in opened.list_records()},
            "jobs": {each.id for each in opened.list_jobs()},
            "saved": {each.id for each in opened.saved.active("schedule")},
            "events": {each.id for each in opened.list_jobs() if opened.list_events(each.id)},
        }

    def expected() -> dict[str, set[str]]:
        hidden = {"events", "jobs"} if table == "jobs" else {table}
        return {name: {"whole"} if name in hidden else {"damaged", "whole"} for name in seen(store)}

    assert seen(store) == seen(Store(store.home)) == expected()
    store.mark_interrupted(lambda owner: False)
    what = {
        "records": "record damaged",
        "jobs": "job damaged",
        "saved": "saved item damaged",
        "events": "event damaged-1",
    }
    found = store.check()
    (sentence,) = found.sentences
    assert sentence.startswith(f"{what[table]} is damaged (")
    assert "--set-aside" in sentence
    assert store.damage() == ([] if table == "events" else [sentence])
    folder = store.set_aside(found)
    assert "damaged" in (folder / "rows.jsonl").read_text()
    assert store.damage() == store.check().sentences == []
    assert {each.id for each in store.list_jobs() if each.status is JobStatus.INTERRUPTED} >= {"whole"}


def test_artefacts_named_by_rows_are_kept_without_a_reference(store: Store) -> None:
    names = filled(store)
    with store._database.write() as db:
        db.execute("UPDATE refs SET sha = '0' || substr(sha, 2)")
    assert store.collect().files == 0
    assert files(store.artifacts.folder) == set(names.values())


def test_artefacts_can_be_kept_longer_than_temporary_files(store: Store) -> None:
    store.artifacts.put(b"unreferenced")
    (store.artifacts.folder / ".part-file").touch()
    assert store.collect(min_age=0, artifact_age=60).files == 1
    assert store.collect(min_age=0).files == 1


def test_ended_jobs_are_checked_for_damage_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ended", "waiting", "damaged"):
        store.add_job(job(name))
    for name in ("ended", "damaged"):
        store.update_job(name, status=JobStatus.FAILED, ended="2026-01-01T00:00:00+00:00")
    with store._database.write() as db:
        db.execute("UPDATE jobs SET spec = '{' WHERE id = 'damaged'")
    assert len(store.damage()) == 1
    read: list[str] = []
    to_job = row_mapping.to_job

    def noted(row: sqlite3.Row, *others: Any) -> Job:
        read.append(row["id"])
        return to_job(row, *others)

    monkeypatch.setattr(row_mapping, "to_job", noted)
    assert len(store.damage()) == 1
    assert read == ["waiting", "damaged"]
    store.claim_job("ended", "owner")
    read.clear()
    store.damage()
    assert "ended" in read


def test_artefacts_of_rows_set_aside_are_kept(store: Store) -> None:
    names = filled(store)
    for _ in range(2):
        with store._database.write() as db:
            db.execute("UPDATE records SET result = '{'")
            db.execute("UPDATE jobs SET progress = '{'")
        store.set_aside(store.check())
        assert not store.list_records()
        assert not store.list_jobs()
        assert store.collect().files == 0
        assert files(store.artifacts.folder) == set(names.values())
        filled(store)


def test_a_damaged_artefact_can_be_set_aside(store: Store) -> None:
    names = filled(store)
    store.artifacts.path(names["weights"]).write_bytes(b"weightz")
    folder = store.set_aside(store.check())
    assert (folder / names["weights"]).read_bytes() == b"weightz"
    (sentence,) = store.check().sentences
    assert "missing" in sentence
    store.artifacts.put(b"weights")
    assert store.check().sentences == []


def test_a_damaged_record_explains_itself_and_is_replaced_by_a_new_one(store: Store) -> None:
    store.put_record(record("a"))
    with store._database.write() as db:
        db.execute("UPDATE records SET result = '{'")
    for use in (store.get_record, store.find_record):
        with pytest.raises(row_mapping.DamagedRowError, match="record a is damaged"):
            use("a")
    store.complete_record(record("a"))
    assert store.get_record("a") == record("a")


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("spec", "replace(spec, '1', '2')"),
        ("result", "replace(result, '1', '2')"),
        ("created", "'2001-01-01T00:00:00.000+00:00'"),
    ],
)
def test_a_record_with_another_plausible_value_is_damaged(store: Store, column: str, change: str) -> None:
    for identity in ("a", "b"):
        store.put_record(
            Record(
                kind="run",
                id=identity,
                created=row_mapping.now(),
                spec={"seed": 1},
                result={"accuracy": 0.1, "loss": 2.0},
            )
        )
    with store._database.write() as db:
        db.execute(f"UPDATE records SET {column} = {change} WHERE id = 'a'")
    with pytest.raises(row_mapping.DamagedRowError, match="differs from its checksum"):
        store.get_record("a")
    for parts in (None, ("accuracy",)):
        assert [each.id for each in store.list_records("run", parts)] == ["b"]
    (sentence,) = store.damage()
    assert "record a is damaged" in sentence
    assert store.check().sentences == [sentence]


def test_a_row_of_an_earlier_version_has_no_checksum(store: Store) -> None:
    store.put_record(record("a"))
    with store._database.write() as db:
        db.execute("UPDATE records SET checksum = NULL")
    assert store.get_record("a") == record("a")
    for parts in (None, (), ("cost",)):
        assert [each.id for each in store.list_records(None, parts)] == ["a"]
