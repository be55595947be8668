"""What a name, a note and a tag may be. Any language and any sign is welcome; what cannot be seen or kept is not."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from roboreg_core.errors import ScheduleError
from roboreg_core.store.records import LONGEST_NAME
from roboreg_core.store.saved_items import folded

LONGEST_NOTE, LONGEST_TAG, MOST_TAGS = 2_000, 30, 10
# Marks that turn the direction of everything after them, so that a name could rearrange the page around it.
_TURNING = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
_KEPT_IN_NOTES = "\n\t"


def clean_name(text: str, what: str = "a schedule's name") -> str:
    """The name in one line and in Unicode's composed form; `what` it is stands in the message of an error.

    Raises:
        ScheduleError: nothing is left, it is longer than `LONGEST_NAME`, or it holds what cannot be shown.
    """
    return _line(text, what, LONGEST_NAME)


def clean_note(text: str) -> str:
    """The note, without spaces around it; it may have several lines, or none.

    Raises:
        ScheduleError: it is longer than `LONGEST_NOTE`, or it holds what cannot be shown.
    """
    note = _composed(text.replace("\r\n", "\n").strip(), "a note", _KEPT_IN_NOTES)
    if len(note) > LONGEST_NOTE:
        raise ScheduleError(f"a note must be at most {LONGEST_NOTE:,} characters, got {len(note):,}: shorten it")
    return note


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags in their order, each once whatever its letters' case.

    Raises:
        ScheduleError: one is empty, longer than `LONGEST_TAG` or holds a comma, or there are more than `MOST_TAGS`.
    """
    cleaned = {folded(tag): tag for tag in reversed([_line(tag, "a tag", LONGEST_TAG) for tag in tags])}
    kept = tuple(reversed(cleaned.values()))
    for tag in kept:
        if "," in tag:
            raise ScheduleError(f"a tag must have no comma, got {tag!r}: make two tags of it")
    if len(kept) > MOST_TAGS:
        raise ScheduleError(f"a schedule must have at most {MOST_TAGS} tags, got {len(kept)}: leave some out")
    return kept


def split_tags(text: str) -> tuple[str, ...]:
    """The tags in a text that joins them by commas."""
    return clean_tags(part for part in text.split(",") if part.strip())


def _line(text: str, what: str, longest: int) -> str:
    line = _composed(" ".join(text.split()), what, "")
    if not folded(line):
        raise ScheduleError(f"{what} must have 1..{longest} characters, got none: type one")
    if len(line) > longest:
        raise ScheduleError(f"{what} must have 1..{longest} characters, got {len(line):,}: shorten it")
    return line


def _composed(text: str, what: str, allowed: str) -> str:
    for place, char in enumerate(text, start=1):
        hidden = unicodedata.category(char) in ("Cc", "Cs") or char in _TURNING
        if hidden and char not in allowed:
            raise ScheduleError(
                f"{what} must hold no invisible control signs, got U+{ord(char):04X} at {place}: remove it"
            )
    return unicodedata.normalize("NFC", text)
