"""Verbs about saved schedules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core.cli.common import Json, ScheduleArgument, answer, open_store, say
from roboreg_core.cli.export_report_verbs import write_file
from roboreg_core.errors import ScheduleError
from roboreg_core.schedules.schedule import Schedule

if TYPE_CHECKING:
    from roboreg_core.schedules.saved_schedules import SavedSchedule

Name = Annotated[str, typer.Argument(metavar="NAME", help="A saved schedule's name, or its id.")]
Note = Annotated[str, typer.Option(help="What it is for.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A word to find it by; give the option once a tag.")]


def schedules_list(
    tag: Annotated[str, typer.Option(help="Only those with this tag.")] = "",
    deleted: Annotated[bool, typer.Option(help="Those that were deleted and can be restored.")] = False,
    as_json: Json = False,
) -> None:
    """All saved schedules."""
    from roboreg_core.schedules.saved_schedules import saved_schedules

    found = [each for each in saved_schedules(open_store(), deleted=deleted) if not tag or tag in each.tags]
    nothing = "no saved schedules: python -m roboreg_core schedules save NAME SCHEDULE"
    lines = "\n".join(_line(each) for each in found) or nothing
    answer(as_json, {"schedules": [_facts(each) for each in found]}, lines)


def schedules_show(name: Name, as_json: Json = False) -> None:
    """One saved schedule with its cost."""
    from roboreg_core.schedules.saved_schedules import find

    saved = find(open_store(), name)
    answer(as_json, _facts(saved), "\n".join(part for part in (_line(saved), saved.note) if part))


def schedules_save(
    name: Name, schedule: ScheduleArgument, note: Note = "", tag: Tags = None, as_json: Json = False
) -> None:
    """Save a schedule under a name."""
    from roboreg_core.schedules import saved_schedules as schedules

    draft = schedules.ScheduleDraft(name=name, schedule=Schedule.parse(schedule), note=note, tags=tuple(tag or ()))
    _told(schedules.save(open_store(), draft), "saved", as_json)


def schedules_rename(
    name: Name, new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")], as_json: Json = False
) -> None:
    """Give a saved schedule another name."""
    _edit(name, as_json, name=new)


def schedules_edit(
    name: Name,
    schedule: Annotated[str | None, typer.Option(help="Other counts.")] = None,
    note: Annotated[str | None, typer.Option(help="Another note.")] = None,
    tag: Tags = None,
    as_json: Json = False,
) -> None:
    """Give a saved schedule other counts, another note or other tags; what is not given stays."""
    given = {
        "schedule": Schedule.parse(schedule) if schedule else None,
        "note": note,
        "tags": tuple(tag) if tag else None,
    }
    _edit(name, as_json, **{field: value for field, value in given.items() if value is not None})


def schedules_duplicate(name: Name, as_json: Json = False) -> None:
    """Save a schedule once more under the next free name."""
    from roboreg_core.schedules import saved_schedules as schedules

    store = open_store()
    _told(schedules.duplicate(store, schedules.find(store, name)), "saved", as_json)


def schedules_delete(name: Name, as_json: Json = False) -> None:
    """Delete a saved schedule; `schedules restore` brings it back within 30 days."""
    from roboreg_core.schedules import saved_schedules as schedules

    store = open_store()
    deleted = schedules.delete(store, schedules.find(store, name).id)
    say.print(f"undo: python -m roboreg_core schedules restore {deleted.id}", markup=False)
    _told(deleted, "deleted", as_json)


def schedules_restore(name: Name, as_json: Json = False) -> None:
    """Undo a deletion."""
    from roboreg_core.schedules import saved_schedules as schedules

    store = open_store()
    _told(schedules.restore(store, schedules.find(store, name, deleted=True).id), "restored", as_json)


def schedules_export(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Which; all where none is named.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write; standard output where none is given.")] = None,
) -> None:
    """Write saved schedules as JSON."""
    from roboreg_core.schedules import saved_schedules as schedules
    from roboreg_core.schedules import schedule_file

    store = open_store()
    found = [schedules.find(store, name) for name in names] if names else schedules.saved_schedules(store)
    if not found:
        raise ScheduleError("there are no saved schedules to export: save one first")
    text = schedule_file.write([each.draft for each in found])
    if out is None:
        print(text, end="")
        return
    write_file(out, text.encode())
    say.print(f"wrote {len(found)} to {out}", markup=False)


def schedules_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `schedules export` wrote.")], as_json: Json = False
) -> None:
    """Save every schedule of a file, or, where one is bad, none. What is there already is passed over."""
    from roboreg_core.schedules import saved_schedules as schedules
    from roboreg_core.schedules import schedule_file

    try:
        content = file.read_bytes()
    except OSError as error:
        raise ScheduleError(f"cannot read {file} ({error.strerror}): name another file") from error
    drafts = schedule_file.read(content)
    added = schedules.add_all(open_store(), drafts)
    lines = [*map(_line, added), f"imported {len(added)} of {len(drafts)}, the others were there already"]
    answer(
        as_json, {"imported": [_facts(each) for each in added], "present": len(drafts) - len(added)}, "\n".join(lines)
    )


def _edit(known: str, as_json: bool, **changes: Any) -> None:
    from dataclasses import replace

    from roboreg_core.schedules import saved_schedules as schedules

    store = open_store()
    saved = schedules.find(store, known)
    _told(schedules.edit(store, saved.id, replace(saved.draft, **changes)), "changed", as_json)


def _told(saved: SavedSchedule, done: str, as_json: bool) -> None:
    answer(as_json, _facts(saved), f"{done}: {_line(saved)}")


def _facts(saved: SavedSchedule) -> dict[str, Any]:
    from roboreg_core.models.costs import cost

    counted = cost(saved.schedule)
    return {**saved.to_json(), "parameters": counted.parameters, "macs": counted.macs}


def _line(saved: SavedSchedule) -> str:
    facts = _facts(saved)
    tags = f"  [{', '.join(saved.tags)}]" if saved.tags else ""
    return f"{saved.id}  {saved.name}  {saved.schedule}  {facts['parameters']:,} parameters{tags}"
