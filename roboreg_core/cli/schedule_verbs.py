"""The verbs of `schedules`: list, show, save, rename, edit, duplicate, delete, restore, export and import."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core.architecture import RESNET20
from roboreg_core.cli.common import (
    ArchitectureOptions,
    Deleted,
    Json,
    ScheduleArgument,
    print_damage,
    print_result,
    print_undo,
    stderr,
    with_options,
    write_file,
)
from roboreg_core.errors import ScheduleError
from roboreg_core.models.costs import cost
from roboreg_core.schedules import saved_schedules as schedules
from roboreg_core.schedules import schedule_file
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.user_input import read_file
from roboreg_core.user_store import open_store

if TYPE_CHECKING:
    from roboreg_core.schedules.saved_schedules import SavedSchedule

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name or id of a saved schedule.")]
Note = Annotated[str, typer.Option(help="Text shown with the schedule.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="Tag; repeat the option for several.")]


def schedules_list(
    tag: Annotated[str, typer.Option(help="List schedules with this tag only.")] = "",
    deleted: Deleted = False,
    as_json: Json = False,
) -> None:
    """List saved schedules."""
    store = open_store()
    found = [each for each in schedules.saved_schedules(store, deleted=deleted) if not tag or tag in each.tags]
    print_damage(store)
    nothing = "no saved schedules: python -m roboreg_core schedules save NAME SCHEDULE"
    lines = "\n".join(_line(each) for each in found) or nothing
    print_result(as_json, {"schedules": [_facts(each) for each in found]}, lines)


def schedules_show(name: Name, as_json: Json = False) -> None:
    """Show a saved schedule and its cost."""
    saved = schedules.find(open_store(), name)
    print_result(as_json, _facts(saved), "\n".join(part for part in (_line(saved), saved.note) if part))


@with_options
def schedules_save(
    name: Name,
    schedule: ScheduleArgument,
    options: ArchitectureOptions,
    note: Note = "",
    tag: Tags = None,
    as_json: Json = False,
) -> None:
    """Save a schedule under a name."""
    parsed = Schedule.parse(schedule, options.chosen())
    draft = schedules.ScheduleDraft(name=name, schedule=parsed, note=note, tags=tuple(tag or ()))
    _print(schedules.save(open_store(), draft), "saved", as_json)


def schedules_rename(
    name: Name, new: Annotated[str, typer.Argument(metavar="NEW", help="New name.")], as_json: Json = False
) -> None:
    """Rename a saved schedule."""
    _edit(name, as_json, name=new)


def schedules_edit(
    name: Name,
    schedule: Annotated[str | None, typer.Option(help="New counts.")] = None,
    note: Annotated[str | None, typer.Option(help="New note.")] = None,
    tag: Tags = None,
    as_json: Json = False,
) -> None:
    """Change the counts, note or tags of a saved schedule."""
    architecture = schedules.find(open_store(), name).schedule.architecture
    given = {
        "schedule": Schedule.parse(schedule, architecture) if schedule else None,
        "note": note,
        "tags": tuple(tag) if tag else None,
    }
    _edit(name, as_json, **{field: value for field, value in given.items() if value is not None})


def schedules_duplicate(name: Name, as_json: Json = False) -> None:
    """Copy a saved schedule under the next free name."""
    store = open_store()
    _print(schedules.duplicate(store, schedules.find(store, name)), "saved", as_json)


def schedules_delete(name: Name, as_json: Json = False) -> None:
    """Delete a saved schedule, which `schedules restore` undoes for 30 days."""
    store = open_store()
    deleted = schedules.delete(store, schedules.find(store, name).id)
    print_undo(f"schedules restore {deleted.id}")
    _print(deleted, "deleted", as_json)


def schedules_restore(name: Name, as_json: Json = False) -> None:
    """Restore a deleted schedule."""
    store = open_store()
    _print(schedules.restore(store, schedules.find(store, name, deleted=True).id), "restored", as_json)


def schedules_export(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Names or ids; all schedules if omitted.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; standard output if omitted.")] = None,
) -> None:
    """Export saved schedules as JSON."""
    store = open_store()
    found = [schedules.find(store, name) for name in names] if names else schedules.saved_schedules(store)
    if not found:
        raise ScheduleError("no saved schedules to export: save one first")
    text = schedule_file.write([each.draft for each in found])
    if out is None:
        print(text, end="")
        return
    write_file(out, text.encode())
    stderr.print(f"exported {len(found)} schedules to {out}", markup=False)


def schedules_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File written by `schedules export`.")],
    as_json: Json = False,
) -> None:
    """Import all schedules of a file, skipping those already saved; an invalid entry refuses the whole file."""
    drafts = schedule_file.read(read_file(file, "a schedule file", schedule_file.LARGEST_FILE, ScheduleError))
    added = schedules.save_new(open_store(), drafts)
    present = len(drafts) - len(added)
    lines = [*map(_line, added), f"imported {len(added)} of {len(drafts)} schedules, {present} already saved"]
    print_result(as_json, {"imported": [_facts(each) for each in added], "present": present}, "\n".join(lines))


def _edit(name: str, as_json: bool, /, **changes: Any) -> None:
    store = open_store()
    saved = schedules.find(store, name)
    _print(schedules.edit(store, saved.id, replace(saved.draft, **changes)), "changed", as_json)


def _print(saved: SavedSchedule, done: str, as_json: bool) -> None:
    print_result(as_json, _facts(saved), f"{done}: {_line(saved)}")


def _facts(saved: SavedSchedule) -> dict[str, Any]:
    counted = cost(saved.schedule)
    return {**saved.to_json(), "parameters": counted.parameters, "macs": counted.macs}


def _line(saved: SavedSchedule) -> str:
    facts = _facts(saved)
    tags = f"  [{', '.join(saved.tags)}]" if saved.tags else ""
    architecture = saved.schedule.architecture
    network = "" if architecture == RESNET20 else f"  {architecture.label}"
    return f"{saved.id}  {saved.name}{network}  {saved.schedule}  {facts['parameters']:,} parameters{tags}"
