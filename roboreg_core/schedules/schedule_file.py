"""JSON file of saved schedules, with one entry per schedule.

    {"format": "roboreg-schedules", "version": 1,
     "schedules": [{"name": "half", "note": "", "tags": ["meeting"], "schedule": [8, 8, 8, 16, 16, 16, 32, 32, 32]}]}

An entry of another architecture than the default also has the field `architecture`, see `Architecture.to_json`. One
invalid entry makes the whole file invalid.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from roboreg_core.errors import ArchitectureError, ScheduleError
from roboreg_core.schedules.saved_schedules import ScheduleDraft
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.user_input import parse_json

FORMAT, VERSION = "roboreg-schedules", 1
LARGEST_FILE, MOST_ENTRIES = 4_000_000, 1_000
_FIELDS = ("name", "note", "tags", "schedule", "architecture")


def write(drafts: Sequence[ScheduleDraft]) -> str:
    """Schedules as the text of a JSON file, which `read` reads."""
    entries = [
        {"name": each.name, "note": each.note, "tags": list(each.tags), **each.schedule.stored()} for each in drafts
    ]
    whole = {"format": FORMAT, "version": VERSION, "schedules": entries}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def read(content: bytes) -> list[ScheduleDraft]:
    """Schedules in the bytes of a file. Raises `ScheduleError`: the file or an entry is invalid."""
    value = read_json(content)
    if not is_ours(value):
        raise ScheduleError(
            f"a file of saved schedules must be an object with `format` {FORMAT!r}, got {_short(value)}; "
            "export one to see the format"
        )
    if value.get("version") != VERSION:
        raise ScheduleError(
            f"a file of saved schedules must have version {VERSION}, got {_short(value.get('version'))}: "
            "update RoboReg, or export it again with this one"
        )
    entries = value.get("schedules")
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_ENTRIES:
        raise ScheduleError(f"`schedules` must be a list of 1..{MOST_ENTRIES:,} entries, got {_short(entries)}")
    return [_entry(entry, number) for number, entry in enumerate(entries, start=1)]


def read_json(content: bytes) -> Any:
    """Value in the bytes of a JSON file. Raises `ScheduleError`: the content is not JSON, or too large."""
    if len(content) > LARGEST_FILE:
        raise ScheduleError(f"a schedule file must be at most {LARGEST_FILE:,} bytes, got {len(content):,}")
    return parse_json(content, "a schedule file", ScheduleError)


def is_ours(value: Any) -> bool:
    """True if `value`, parsed JSON, names the format of `write`; it may still be invalid."""
    return isinstance(value, dict) and value.get("format") == FORMAT


def file_name(drafts: Sequence[ScheduleDraft]) -> str:
    """Name for a file of these schedules, valid on all systems."""
    if len(drafts) != 1:
        return "roboreg-schedules.json"
    plain = re.sub(r"[^a-z0-9]+", "-", drafts[0].name.lower()).strip("-")[:40].strip("-")
    return f"schedule-{plain or str(drafts[0].schedule).replace(',', '-')}.json"


def _entry(entry: Any, number: int) -> ScheduleDraft:
    try:
        return _draft(entry)
    except (ScheduleError, ArchitectureError) as error:
        name = entry.get("name") if isinstance(entry, dict) else None
        called = f" ({_short(name)})" if name else ""
        raise ScheduleError(f"entry {number}{called}: {error}; nothing was imported") from None


def _draft(entry: Any) -> ScheduleDraft:
    if not isinstance(entry, dict):
        raise ScheduleError(f"an entry must be an object, got {_short(entry)}")
    unknown = [field for field in entry if field not in _FIELDS]
    if unknown:
        raise ScheduleError(f"an entry must have only {', '.join(_FIELDS)}, got {_short(unknown[0])}")
    for field in ("name", "schedule"):
        if field not in entry:
            raise ScheduleError(f"an entry must have a {field}, got none")
    name, note, tags = entry["name"], entry.get("note", ""), entry.get("tags", [])
    for field, value in (("name", name), ("note", note)):
        if not isinstance(value, str):
            raise ScheduleError(f"a {field} must be a text, got {_short(value)}")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ScheduleError(f"tags must be a list of texts, got {_short(tags)}")
    return ScheduleDraft(name=name, note=note, tags=tuple(tags), schedule=Schedule.from_stored(entry))


def _short(value: Any) -> str:
    """Abbreviate a value for an error message."""
    text = ascii(value) if isinstance(value, (dict, list)) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
