"""Reading of what users provide: files of bounded size, strict JSON, integers."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from roboreg_core.errors import RoboRegError

# Longer integers exceed every field, and those of over 308 digits a float.
_MOST_DIGITS = 18


def existing(text: str | Path) -> Path | None:
    """Path of the file or folder named by `text`; None if it does not exist, or if the text cannot be a path."""
    try:
        path = Path(text).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError, ValueError):  # too long, unknown user, null byte
        return None


def is_file(text: str | Path) -> bool:
    """True if `text` is the path of a regular file or of a link to one."""
    path = existing(text)
    return path is not None and path.is_file()


def read_file(path: Path, what: str, most: int, error: type[RoboRegError]) -> bytes:
    """Read a regular file.

    Args:
        path: path of the file; a link is followed.
        what: subject of error messages, e.g. `a weights file`.
        most: maximum size in bytes.
        error: the class to raise.

    Raises `error`: the file is missing, not a regular file, unreadable or larger than `most`.
    """
    if existing(path) and not is_file(path):  # reading a pipe or a device may never end
        raise error(f"{what} must be a regular file, got {path}: name another file")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            content = file.read(most + 1) if size <= most else b""
    except (OSError, ValueError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else failure
        raise error(f"cannot read {path} ({reason}): name another file") from None
    size = max(size, len(content))
    if size > most:
        raise error(f"{what} must be at most {_size(most)}, got {_size(size)}: name another file")
    return content


def parse_integer(text: str) -> int:
    """Parse an integer of ASCII digits; `int` also accepts underscores and the digits of other scripts.

    Raises `ValueError`: the text is no such integer, or has over 18 digits.
    """
    if not re.fullmatch(r"\s*[+-]?[0-9]+\s*", text):
        raise ValueError(f"no integer: {text[:60]!r}")
    digits = len(text.strip().lstrip("+-"))
    if digits > _MOST_DIGITS:
        raise ValueError(f"an integer of {digits:,} digits")
    return int(text)


def parse_json(content: bytes | str, what: str, error: type[RoboRegError]) -> Any:
    """Parse JSON; `what` is the subject of error messages.

    Raises `error`: it is not JSON, is nested too deeply, repeats a key, or contains an integer of over 18 digits.
    """
    try:
        return json.loads(content, object_pairs_hook=_unique, parse_int=parse_integer)
    except RecursionError:
        raise error(f"{what} must be JSON, got one that is nested too deeply; write it again") from None
    except ValueError as failure:
        raise error(f"{what} must be JSON, but cannot be read ({str(failure)[:160]}): write it again") from None


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:60]!r} twice")
        found[key] = value
    return found


def _size(count: int) -> str:
    return f"{count >> 20:,} MB" if count >= 2**20 else f"{count:,} bytes"
