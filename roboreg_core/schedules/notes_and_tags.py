"""Validation of the notes and tags of saved schedules."""

from collections.abc import Iterable

from roboreg_core.errors import ScheduleError
from roboreg_core.store.names import clean_name, composed, folded

LONGEST_NOTE, LONGEST_TAG, MOST_TAGS = 2_000, 30, 10
_KEPT_IN_NOTES = "\n\t"


def clean_note(text: str) -> str:
    """Strip and check a note, which may have several lines.

    Raises `ScheduleError`: the note is longer than `LONGEST_NOTE` or contains unprintable characters.
    """
    note = composed(text.replace("\r\n", "\n").strip(), "a note", allowed=_KEPT_IN_NOTES, error=ScheduleError)
    if len(note) > LONGEST_NOTE:
        raise ScheduleError(f"a note must be at most {LONGEST_NOTE:,} characters, got {len(note):,}: shorten it")
    return note


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Strip and check tags, and remove duplicates, ignoring case.

    Raises `ScheduleError`: a tag is empty, over `LONGEST_TAG` or contains a comma, or more than `MOST_TAGS` are given.
    """
    lines = [clean_name(tag, "a tag", longest=LONGEST_TAG, error=ScheduleError) for tag in tags]
    cleaned = {folded(tag): tag for tag in reversed(lines)}
    kept = tuple(reversed(cleaned.values()))
    for tag in kept:
        if "," in tag:
            raise ScheduleError(f"a tag must not contain a comma, got {tag!r}: split it into two tags")
    if len(kept) > MOST_TAGS:
        raise ScheduleError(f"a schedule must have at most {MOST_TAGS} tags, got {len(kept)}: leave some out")
    return kept


def split_tags(text: str) -> tuple[str, ...]:
    """Split a comma-separated text into tags. Raises `ScheduleError`: a tag is invalid, or there are too many."""
    return clean_tags(part for part in text.split(",") if part.strip())
