"""Names given by users, in any language: cleaned, compared, made unique."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import chain, count

from roboreg_core.errors import RoboRegError, SpecError
from roboreg_core.store.records import LONGEST_NAME

# Unicode marks that change the text direction of everything after them.
_DIRECTION_MARKS = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
_NUMBERED = re.compile(r"(.+) \(([0-9]{1,6})\)")


def folded(name: str) -> str:
    """Normalise a name for comparison: names that differ in Unicode form, case or spaces alone become equal."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def clean_name(text: str, what: str, *, longest: int = LONGEST_NAME, error: type[RoboRegError] = SpecError) -> str:
    """Clean a name: one line, Unicode normal form.

    Args:
        text: name as typed by the user.
        what: subject of error messages, e.g. `a network's name`.
        longest: maximum number of characters.
        error: the class to raise.

    Raises `error`: it is empty or longer than `longest`, or contains control characters.
    """
    name = composed(" ".join(text.split()), what, error=error)
    if all(unicodedata.category(char)[0] in "CZ" for char in name):
        raise error(f"{what} must have 1..{longest} characters, got none: type one")
    if len(name) > longest:
        raise error(f"{what} must have 1..{longest} characters, got {len(name):,}: shorten it")
    return name


def composed(text: str, what: str, *, allowed: str = "", error: type[RoboRegError] = SpecError) -> str:
    """Normalise a text to Unicode NFC.

    Raises `error`: it contains control characters other than those in `allowed`; `what` is the message's subject.
    """
    for place, char in enumerate(text, start=1):
        hidden = unicodedata.category(char) in ("Cc", "Cs") or char in _DIRECTION_MARKS
        if hidden and char not in allowed:
            raise error(f"{what} must not contain control characters, got U+{ord(char):04X} at {place}: remove it")
    return unicodedata.normalize("NFC", text)


def free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """The first of `name`, `name (2)`, `name (3)` ... for whose `folded` form `is_taken` returns False."""
    return next(each for each in chain([name], _numbered(name)) if not is_taken(folded(each)))


def _numbered(name: str) -> Iterator[str]:
    """`name (2)`, `name (3)` ..., shortened to `LONGEST_NAME`; continues a number at the end of the name."""
    found = _NUMBERED.fullmatch(name)
    stem, first = (found[1], int(found[2]) + 1) if found else (name, 2)
    for number in count(first):
        tail = f" ({number})"
        yield stem[: LONGEST_NAME - len(tail)].rstrip() + tail
