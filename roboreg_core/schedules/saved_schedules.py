"""Saved schedules: create, find, edit, delete and restore them in a store."""

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
    """An unsaved schedule with its name, note and tags, cleaned by `notes_and_tags`.

    Raises `ScheduleError`: a text is invalid.
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
        id: independent of the name.
        created, changed: UTC, ISO 8601.
        deleted, deleted_by: time of deletion and who did it; None if it is not deleted.
    """

    id: str
    name: str
    note: str
    tags: tuple[str, ...]
    schedule: Schedule
    created: str
    changed: str
    deleted: str | None
    deleted_by: str | None = None

    @property
    def draft(self) -> ScheduleDraft:
        """A draft with the same name, schedule, note and tags, to save again or export."""
        return ScheduleDraft(name=self.name, schedule=self.schedule, note=self.note, tags=self.tags)

    def to_json(self) -> dict[str, Any]:
        """JSON object: all attributes, `schedule` as a list of counts, and `architecture` unless it is the default."""
        return {**vars(self), "tags": list(self.tags), **self.schedule.stored()}


def saved_schedules(store: Store, *, deleted: bool = False) -> list[SavedSchedule]:
    """Saved schedules, oldest first, or the deleted ones, last deleted first."""
    return [of_item(item) for item in (store.saved.deleted(KIND) if deleted else store.saved.active(KIND))]


def find(store: Store, text: str, *, deleted: bool = False) -> SavedSchedule:
    """Find a saved schedule by name (ignoring case), id, or first characters of an id (four or more).

    With `deleted`, search the deleted schedules; of several matches the last deleted one is returned.

    Raises `ScheduleError`: none matches, or several saved ones do.
    """
    known = saved_schedules(store, deleted=deleted)
    named = [each for each in known if each.id == text or folded(each.name) == folded(text)]
    found = named or [each for each in known if len(text) >= 4 and each.id.startswith(text)]
    if deleted:
        found = found[:1]  # the last deleted
    if len(found) > 1:
        raise ScheduleError(f"{len(found)} saved schedules begin with {text!r}: give more of the id")
    if not found:
        raise ScheduleError(_unknown(text, known, "deleted" if deleted else "saved"))
    return found[0]


def same_name(saved: SavedSchedule, draft: ScheduleDraft) -> bool:
    """True if a saved schedule and a draft have the same name, ignoring case."""
    return folded(saved.name) == folded(draft.name)


def save(store: Store, draft: ScheduleDraft) -> SavedSchedule:
    """Save a schedule. Raises `StoreError`: the name is taken."""
    return of_item(store.saved.add([_item(draft)])[0])


def edit(store: Store, schedule_id: str, draft: ScheduleDraft) -> SavedSchedule:
    """Replace name, schedule, note and tags of a saved schedule.

    Raises `StoreError`: the id is unknown, or the new name is taken.
    """
    item = _item(draft)
    changes = {"name": item.name, "note": item.note, "tags": item.tags, "content": item.content}
    return of_item(store.saved.change(schedule_id, **changes))


def duplicate(store: Store, saved: SavedSchedule) -> SavedSchedule:
    """Save a copy under the next free name, e.g. `half (2)`."""
    return of_item(store.saved.add([_item(saved.draft)], number=True)[0])


def delete(store: Store, schedule_id: str) -> SavedSchedule:
    """Delete a schedule; it can be restored for 30 days. Raises `StoreError`: the id is unknown."""
    return of_item(store.saved.delete(schedule_id))


def restore(store: Store, schedule_id: str) -> SavedSchedule:
    """Restore a deleted schedule. Raises `StoreError`: no deleted schedule has this id."""
    return of_item(store.saved.restore(schedule_id))


def save_new(store: Store, drafts: Sequence[ScheduleDraft]) -> list[SavedSchedule]:
    """Save all drafts in one transaction, except those equal to a saved schedule; return the added ones.

    A number is appended to a name that is taken.
    """
    known = {each.draft for each in saved_schedules(store)}
    new = [draft for draft in dict.fromkeys(drafts) if draft not in known]
    return [of_item(item) for item in store.saved.add([_item(draft) for draft in new], number=True)]


def using(saved: Sequence[SavedSchedule], record: Record) -> list[SavedSchedule]:
    """The saved schedules with the architecture and filter counts of the run in `record`."""
    schedule = Schedule.from_stored(record.spec)
    return [each for each in saved if each.schedule == schedule]


def _item(draft: ScheduleDraft) -> SavedItem:
    return SavedItem(
        id=uuid.uuid4().hex[:12],
        kind=KIND,
        name=draft.name,
        note=draft.note,
        tags=draft.tags,
        content=draft.schedule.stored(),
    )


def of_item(item: SavedItem) -> SavedSchedule:
    """Convert a saved item of the store to a schedule.

    Raises `ScheduleError` or `ArchitectureError`: its content is no schedule.
    """
    fields = {name: value for name, value in vars(item).items() if name not in ("kind", "content")}
    return SavedSchedule(**fields, schedule=Schedule.from_stored(item.content))


def _unknown(text: str, known: Sequence[SavedSchedule], kind: str) -> str:
    shown = ", ".join(repr(each.name) for each in known[:_NAMES_SHOWN])
    more = " and more" if len(known) > _NAMES_SHOWN else ""
    existing = f"choose from {shown}{more}" if known else f"no schedule is {kind}"
    return f"no {kind} schedule has the name or id {text[:80]!r}{'...' if len(text) > 80 else ''}: {existing}"
