"""Numbers, times and names as text, with units, signs and typographic minus."""

from collections.abc import Sequence
from datetime import datetime

NBSP = "\u00a0"
MINUS = "\u2212"
# Stages of a run as text.
STAGE_WORDS = {"dense": "dense", "pruned": "pruned", "tuned": "fine-tuned"}
# Between the parts of a label.
SEPARATOR = " · "


def count(value: int) -> str:
    """A count as text with thousands separators: `272,474`."""
    return f"{value:,}"


def millions(value: float) -> str:
    """A count in millions as text: `40.8 M` for 40,800,000."""
    return f"{value / 1e6:.1f}{NBSP}M"


def kilobytes(value: int) -> str:
    """Bytes as text in kB of 1,000 bytes: `1,090 kB`."""
    return f"{value / 1e3:,.0f}{NBSP}kB"


def milliseconds(value: float) -> str:
    """Milliseconds as text: `1.25 ms`."""
    return f"{value:.2f}{NBSP}ms"


def percent(share: float, digits: int = 1) -> str:
    """A share, 0..1, as text: `50.3 %` for 0.503."""
    return f"{share * 100:.{digits}f}{NBSP}%"


def signed(value: float, digits: int = 1) -> str:
    """A signed number as text: `+0.3`, `−2.1`, and `±0.0` if the value rounds to zero."""
    text = f"{abs(value):,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        return f"±{text}"
    return f"{'+' if value > 0 else MINUS}{text}"


def signed_percent(share: float) -> str:
    """A relative change as text: `−49.7 %` for -0.497."""
    return f"{signed(share * 100)}{NBSP}%"


def signed_points(share: float, digits: int = 1, unit: str = "pp") -> str:
    """A difference of two shares in percentage points as text: `−2.1 pp` for -0.021."""
    return f"{signed(share * 100, digits)}{NBSP}{unit}"


def points(share: float, digits: int = 1) -> str:
    """Size of a difference of two shares as text: `2.1 percentage points` for 0.021 or -0.021."""
    text = f"{abs(share) * 100:.{digits}f}"
    return f"{text}{NBSP}percentage point{'' if float(text) == 1 else 's'}"


def duration(seconds: float) -> str:
    """A duration as text: `45 s`, `3 min 20 s`, `1 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}{NBSP}s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes}{NBSP}min" + (f" {rest}{NBSP}s" if rest and minutes < 10 else "")
    hours, rest = divmod(whole // 60, 60)
    return f"{hours}{NBSP}h" + (f" {rest}{NBSP}min" if rest else "")


def date_time(iso: str) -> str:
    """An ISO 8601 time as text, `2026-03-01 14:05`; any other text unchanged."""
    return _time(iso, "%Y-%m-%d %H:%M")


def clock(iso: str) -> str:
    """Time of day of an ISO 8601 time, `14:05:09`; any other text unchanged."""
    return _time(iso, "%H:%M:%S")


def plural(number: int, noun: str) -> str:
    """A number with its noun: `1 epoch`, `5 epochs`."""
    return f"{number:,}{NBSP}{noun}{'' if number == 1 else 's'}"


def inline_text(text: str) -> str:
    """User text for use inside a line: shortened, and isolated if it is written from right to left."""
    short = shortened(text)
    return short if short.isascii() else f"\u2068{short}\u2069"


def shortened(text: str, longest: int = 60) -> str:
    """The text cut to at most `longest` characters, the last one an ellipsis if it was longer."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def sentence_case(text: str) -> str:
    """The text with its first letter in upper case and the others unchanged."""
    return text[:1].upper() + text[1:]


def enumeration(parts: Sequence[str]) -> str:
    """The parts joined as in a sentence: `a`, `a and b`, `a, b and c`."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _time(iso: str, form: str) -> str:
    try:
        return datetime.fromisoformat(iso).strftime(form)
    except ValueError:
        return iso
