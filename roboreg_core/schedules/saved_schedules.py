"""Saved schedules: what one is, and what can be done with it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from roboreg_core.errors import ScheduleError
from roboreg_core.schedules.notes_and_tags import clean_note, clean_tags
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.names import clean_name, folded
from roboreg_core.store.records import Record, SavedItem
from roboreg_core.store.store import Store

KIND = "schedule"
_NAMES_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class ScheduleDraft:
    """A schedule with what a person calls it, not saved yet. Texts are cleaned, see `saved.texts`.

    Raises `ScheduleError` where a text breaks a rule.
    """

    name: str
    schedule: Schedule
    note: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", clean_name(self.name, "a schedule's name", error=ScheduleError))
        object.__setattr__(self, "note", clean_note(self.note))
        object.__setattr__(self, "tags", clean_tags(self.tags))


@dataclass(frozen=True, kw_only=True)
class SavedSchedule:
    """A saved schedule.

    Attributes:
        id: stays when the name changes.
        created, changed: UTC, ISO 8601.
        deleted: since when it is in the bin; None where it stands.
    """

    id: str
    name: str
    note: str
    tags: tuple[str, ...]
    schedule: Schedule
    created: str
    changed: str
    deleted: str | None

    @property
    def draft(self) -> ScheduleDraft:
        """The same as something to save anew or to export."""
        return ScheduleDraft(name=self.name, schedule=self.schedule, note=self.note, tags=self.tags)

    def to_json(self) -> dict[str, Any]:
        """Everything about it as JSON."""
        return {**vars(self), "tags": list(self.tags), "schedule": self.schedule.to_json()}


def saved_schedules(store: Store, *, deleted: bool = False) -> list[SavedSchedule]:
    """The standing ones in the order they were saved, or the deleted ones, last one first."""
    return [_of(item) for item in (store.saved.binned(KIND) if deleted else store.saved.standing(KIND))]


def find(store: Store, text: str, *, deleted: bool = False) -> SavedSchedule:
    """The saved schedule with this name (whatever its letters' case), or with this id or beginning of an id.

    Raises:
        ScheduleError: there is none, or several.
    """
    known = saved_schedules(store, deleted=deleted)
    named = [each for each in known if each.id == text or folded(each.name) == folded(text)]
    found = named or [each for each in known if len(text) >= 4 and each.id.startswith(text)]
    if deleted:
        found = found[:1]  # the one that was deleted last
    if len(found) > 1:
        raise ScheduleError(f"{len(found)} saved schedules begin with {text!r}: give more of the id")
    if not found:
        raise ScheduleError(_unknown(text, known, "deleted" if deleted else "saved"))
    return found[0]


def same_name(saved: SavedSchedule, draft: ScheduleDraft) -> bool:
    """True where a person takes the two names for one."""
    return folded(saved.name) == folded(draft.name)


def save(store: Store, draft: ScheduleDraft) -> SavedSchedule:
    """Keep a schedule under its name.

    Raises:
        StoreError: the name is taken.
    """
    return _of(store.saved.add([_item(draft)])[0])


def edit(store: Store, schedule_id: str, draft: ScheduleDraft) -> SavedSchedule:
    """Give a saved schedule what the draft says.

    Raises:
        StoreError: it is unknown, or the new name is taken.
    """
    item = _item(draft)
    changes = {"name": item.name, "note": item.note, "tags": item.tags, "content": item.content}
    return _of(store.saved.change(schedule_id, **changes))


def duplicate(store: Store, saved: SavedSchedule) -> SavedSchedule:
    """Save it once more under the next free name, e.g. `half (2)`."""
    return _of(store.saved.add([_item(saved.draft)], number=True)[0])


def delete(store: Store, schedule_id: str) -> SavedSchedule:
    """Take it out of sight; `restore` brings it back for a month.

    Raises:
        StoreError: it is unknown.
    """
    return _of(store.saved.delete(schedule_id))


def restore(store: Store, schedule_id: str) -> SavedSchedule:
    """Undo a deletion.

    Raises:
        StoreError: it is not among the deleted ones.
    """
    return _of(store.saved.restore(schedule_id))


def add_all(store: Store, drafts: Sequence[ScheduleDraft]) -> list[SavedSchedule]:
    """Save all or none of them, except those that are there already, name, note, tags and counts alike.

    A name that is taken by something else gets a number. Returns what was added.
    """
    known = {each.draft for each in saved_schedules(store)}
    fresh = [draft for draft in dict.fromkeys(drafts) if draft not in known]
    return [_of(item) for item in store.saved.add([_item(draft) for draft in fresh], number=True)]


def using(saved: Sequence[SavedSchedule], record: Record) -> list[SavedSchedule]:
    """Those whose schedule is the one that a run was asked for."""
    wanted = Schedule.from_json(record.spec["schedule"])
    return [each for each in saved if each.schedule == wanted]


def _item(draft: ScheduleDraft) -> SavedItem:
    content = {"schedule": draft.schedule.to_json()}
    return SavedItem(
        id=uuid.uuid4().hex[:12], kind=KIND, name=draft.name, note=draft.note, tags=draft.tags, content=content
    )


def _of(item: SavedItem) -> SavedSchedule:
    fields = {name: value for name, value in vars(item).items() if name not in ("kind", "content")}
    return SavedSchedule(**fields, schedule=Schedule.from_json(item.content["schedule"]))


def _unknown(text: str, known: Sequence[SavedSchedule], which: str) -> str:
    shown = ", ".join(repr(each.name) for each in known[:_NAMES_SHOWN])
    more = " and more" if len(known) > _NAMES_SHOWN else ""
    there = f"there are {shown}{more}" if known else "there is none at all"
    asked = f"{text[:80]!r}{'...' if len(text) > 80 else ''}"
    return f"no {which} schedule has the name or id {asked}: {there}"
