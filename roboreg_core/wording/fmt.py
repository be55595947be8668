"""Numbers and times as people read them: units, signs and a true minus."""

from __future__ import annotations

from datetime import datetime

NBSP = "\u00a0"
MINUS = "\u2212"


def count(value: int) -> str:
    """`272,474`."""
    return f"{value:,}"


def millions(value: float) -> str:
    """`40.8 M`."""
    return f"{value / 1e6:.1f}{NBSP}M"


def kilobytes(value: int) -> str:
    """`1,090 kB`, of a thousand bytes each."""
    return f"{value / 1e3:,.0f}{NBSP}kB"


def percent(share: float, digits: int = 1) -> str:
    """`50.3 %` for 0.503."""
    return f"{share * 100:.{digits}f}{NBSP}%"


def signed(value: float, digits: int = 1) -> str:
    """`+0.3`, `−2.1`, and `±0.0` where nothing is left after rounding."""
    text = f"{abs(value):,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        return f"±{text}"
    return f"{'+' if value > 0 else MINUS}{text}"


def signed_percent(share: float) -> str:
    """`−49.7 %` for -0.497."""
    return f"{signed(share * 100)}{NBSP}%"


def signed_points(share: float, digits: int = 1) -> str:
    """`−2.1 points` for -0.021."""
    return f"{signed(share * 100, digits)}{NBSP}points"


def duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `1 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}{NBSP}s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes}{NBSP}min" + (f" {rest}{NBSP}s" if rest and minutes < 10 else "")
    hours, rest = divmod(whole // 60, 60)
    return f"{hours}{NBSP}h" + (f" {rest}{NBSP}min" if rest else "")


def moment(iso: str) -> str:
    """`2026-03-01 14:05` for a time in UTC, ISO 8601; the text itself where it is none."""
    try:
        return datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return iso


def plural(number: int, noun: str) -> str:
    """`1 epoch`, `5 epochs`."""
    return f"{number:,}{NBSP}{noun}{'' if number == 1 else 's'}"


def contained(text: str) -> str:
    """A text of any length and direction that does no harm to the line that it stands in."""
    short = shortened(text)
    return short if short.isascii() else f"\u2068{short}\u2069"


def shortened(text: str, longest: int = 60) -> str:
    """The beginning of a text, with an ellipsis where it is longer."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def clock(iso: str) -> str:
    """`14:05:09` for a time in UTC, ISO 8601; the text itself where it is none."""
    try:
        return datetime.fromisoformat(iso).strftime("%H:%M:%S")
    except ValueError:
        return iso
