"""Names that people give: cleaned, compared, made unique. Any language is welcome; control characters are not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import chain, count

from roboreg_core.errors import RoboRegError, SpecError
from roboreg_core.store.records import LONGEST_NAME

# Marks that turn the direction of everything after them, so that a name could rearrange the page around it.
_TURNING = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
_NUMBERED = re.compile(r"(.+) \(([0-9]{1,6})\)")


def folded(name: str) -> str:
    """Key that is equal for names which differ only in Unicode form, case and spaces."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def clean_name(text: str, what: str, *, longest: int = LONGEST_NAME, error: type[RoboRegError] = SpecError) -> str:
    """The name in one line and in Unicode's composed form.

    Args:
        text: as it was typed.
        what: what is named, for error messages.
        longest: most characters.
        error: the class to raise.

    Raises:
        error: nothing visible is left, it is longer than `longest`, or it holds control characters.
    """
    name = composed(" ".join(text.split()), what, error=error)
    if all(unicodedata.category(char)[0] in "CZ" for char in name):
        raise error(f"{what} must have 1..{longest} characters, got none: type one")
    if len(name) > longest:
        raise error(f"{what} must have 1..{longest} characters, got {len(name):,}: shorten it")
    return name


def composed(text: str, what: str, *, allowed: str = "", error: type[RoboRegError] = SpecError) -> str:
    """The text in Unicode's composed form.

    Raises:
        error: it holds control characters other than those `allowed`.
    """
    for place, char in enumerate(text, start=1):
        hidden = unicodedata.category(char) in ("Cc", "Cs") or char in _TURNING
        if hidden and char not in allowed:
            raise error(f"{what} must hold no control characters, got U+{ord(char):04X} at {place}: remove it")
    return unicodedata.normalize("NFC", text)


def free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """The name, else the first free one of `name (2)`, `name (3)` ...; `is_taken` gets each in its folded form."""
    return next(each for each in chain([name], _numbered(name)) if not is_taken(folded(each)))


def _numbered(name: str) -> Iterator[str]:
    """`name (2)`, `name (3)` ..., shortened to `LONGEST_NAME`; a number at the end of the name is counted on."""
    found = _NUMBERED.fullmatch(name)
    stem, first = (found[1], int(found[2]) + 1) if found else (name, 2)
    for number in count(first):
        tail = f" ({number})"
        yield stem[: LONGEST_NAME - len(tail)].rstrip() + tail
