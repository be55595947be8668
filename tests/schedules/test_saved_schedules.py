"""Operations on saved schedules, with arbitrary names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.architecture import RESNET20
from roboreg_core.errors import ScheduleError, StoreError
from roboreg_core.schedules import saved_schedules, schedule_file
from roboreg_core.schedules.notes_and_tags import clean_note, clean_tags, split_tags
from roboreg_core.schedules.saved_schedules import ScheduleDraft
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.store.store import Store
from tests.charts.records import make_record

HARMLESS = (
    "<script>alert('x')</script>",
    "\"quoted\" & 'single'",
    "\U0001f600\u200d\U0001f525 half",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "'; DROP TABLE saved; --",
    "../../etc/passwd",
    "$x$ **b** `c`",
)
LETTERS = st.characters(categories=["L", "N", "P", "S"])
TEXTS = st.text(LETTERS, max_size=40)
NAMES = st.text(LETTERS, min_size=1, max_size=60).filter(lambda text: len(text.casefold()) > 0)
DRAFTS = st.builds(
    ScheduleDraft,
    name=NAMES,
    note=TEXTS,
    tags=st.lists(st.text("abc<>\u05d0", min_size=1, max_size=9), max_size=4).map(tuple),
    schedule=st.builds(Schedule, st.tuples(*(st.integers(1, bound) for bound in RESNET20.bounds))),
)
HALF = ScheduleDraft(name="half", schedule=presets()["moderate"], note="for the meeting", tags=("a", "b"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@given(drafts=st.lists(DRAFTS, min_size=1, max_size=4))
def test_a_file_gives_back_what_was_written(drafts: list[ScheduleDraft]) -> None:
    assert schedule_file.read(schedule_file.write(drafts).encode()) == drafts


@pytest.mark.parametrize("name", HARMLESS)
def test_any_name_is_kept_as_it_is(store: Store, name: str) -> None:
    saved = saved_schedules.save(store, replace(HALF, name=name))
    assert saved.name == name
    assert saved_schedules.find(store, name) == saved_schedules.find(store, saved.id) == saved
    assert saved_schedules.duplicate(store, saved).name == f"{name} (2)"
    assert set(schedule_file.file_name([saved.draft])) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert schedule_file.read(schedule_file.write([saved.draft]).encode()) == [saved.draft]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": ""}, "name must have 1..80 characters, got none"),
        ({"name": " \n "}, "got none"),
        ({"name": "x" * 10_000}, "name must have 1..80 characters, got 10,000: shorten it"),
        ({"name": "a\x00b"}, r"not contain control characters, got U\+0000 at 2"),
        ({"name": "a\ud800"}, r"got U\+D800 at 2"),
        ({"name": "gnp\u202eexe"}, r"got U\+202E at 4"),
        ({"note": "x" * 2_001}, "note must be at most 2,000 characters, got 2,001"),
        ({"tags": ("x" * 31,)}, "tag must have 1..30 characters, got 31"),
        ({"tags": tuple("abcdefghijk")}, "at most 10 tags, got 11"),
        ({"tags": ("a,b",)}, "a tag must not contain a comma"),
    ],
)
def test_texts_that_cannot_be_kept_are_refused_with_the_rule(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ScheduleError, match=reason):
        replace(HALF, **changes)


def test_texts_are_cleaned() -> None:
    assert replace(HALF, name="  two \n lines ").name == "two lines"
    assert clean_note(" one\r\ntwo ") == "one\ntwo"
    assert clean_tags(["A", "a", "b"]) == ("A", "b")
    assert split_tags(" a, ,b c ,") == ("a", "b c")


def test_save_edit_delete_restore(store: Store) -> None:
    saved = saved_schedules.save(store, HALF)
    assert saved.draft == HALF
    with pytest.raises(StoreError, match="the name 'HALF' is taken by another saved schedule"):
        saved_schedules.save(store, replace(HALF, name="HALF"))
    changed = saved_schedules.edit(store, saved.id, replace(HALF, name="other", note="", tags=()))
    assert (changed.id, changed.name, changed.schedule) == (saved.id, "other", presets()["moderate"])
    saved_schedules.delete(store, saved.id)
    assert saved_schedules.saved_schedules(store) == []
    with pytest.raises(ScheduleError, match="no saved schedule has the name or id 'other': no schedule is saved"):
        saved_schedules.find(store, "other")
    assert saved_schedules.find(store, "OTHER", deleted=True).id == saved.id
    assert saved_schedules.restore(store, saved.id) == changed
    with pytest.raises(ScheduleError, match="choose from 'other'"):
        saved_schedules.find(store, "x" * 10_000)


def test_importing_twice_adds_once(store: Store) -> None:
    drafts = [HALF, replace(HALF, name="small", schedule=presets()["quarter"])]
    assert [each.name for each in saved_schedules.save_new(store, drafts)] == ["half", "small"]
    assert saved_schedules.save_new(store, drafts) == []
    (added,) = saved_schedules.save_new(store, [HALF, replace(HALF, note="another")])
    assert added.name == "half (2)"


def test_which_saved_schedules_a_run_has(store: Store) -> None:
    for name, preset in (("a", "moderate"), ("b", "quarter"), ("c", "moderate")):
        saved_schedules.save(store, ScheduleDraft(name=name, schedule=presets()[preset]))
    found = saved_schedules.using(saved_schedules.saved_schedules(store), make_record(presets()["moderate"]))
    assert [each.name for each in found] == ["a", "c"]


COUNTS = "[8,8,8,16,16,16,32,32,32]"


def of(*entries: str, version: str = "1") -> bytes:
    return f'{{"format": "roboreg-schedules", "version": {version}, "schedules": [{",".join(entries)}]}}'.encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "must be JSON"),
        (b"\xff\xfe\x00", "must be JSON"),
        (b"[" * 100_000, "must be JSON"),
        (b"[]", r"must be an object with `format` 'roboreg-schedules', got \[\]"),
        (b'{"schedule": [1]}', "must be an object with `format`"),
        (of(version="2"), "must have version 1, got 2: update"),
        (of(), r"1\.\.1,000 entries, got \[\]"),
        (of("3"), "entry 1: an entry must be an object, got 3; nothing was imported"),
        (of('{"name": "a"}'), r"entry 1 \('a'\): an entry must have a schedule, got none"),
        (of(f'{{"schedule": {COUNTS}}}'), "an entry must have a name"),
        (of(f'{{"name": 3, "schedule": {COUNTS}}}'), "a name must be a text, got 3"),
        (of(f'{{"name": "a", "schedule": {COUNTS}, "tags": "x"}}'), "tags must be a list of texts, got 'x'"),
        (of(f'{{"name": "a", "schedule": {COUNTS}, "x": 1}}'), "an entry must have only name, note, tags, schedule"),
        (of(f'{{"name": "a", "schedule": {COUNTS}}}', '{"name": "b", "schedule": [0,8,8,16,16,16,32,32,32]}'),
         r"entry 2 \('b'\): filter count for block 1 must be 1\.\.16, got 0; nothing was imported"),
        (of(f'{{"name": "{"x" * 10_000}", "schedule": {COUNTS}}}'), r"entry 1 \('x+\.\.\.\): .* got 10,000"),
        (b" " * 4_000_001, "at most 4,000,000 bytes"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_naming_entry_and_rule(content: bytes, reason: str) -> None:
    with pytest.raises(ScheduleError, match=reason):
        schedule_file.read(content)
