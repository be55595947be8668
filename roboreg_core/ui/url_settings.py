"""Settings that the page's address carries: an opened address sets them, and the address follows them.

Only what differs from the default stands in the address. Junk in it is ignored, so the default holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import streamlit as st

_WRITTEN = "address-written"


@dataclass(frozen=True, kw_only=True)
class UrlSetting:
    """A widget's value in the address.

    Attributes:
        key: of the widget, and the name in the address.
        default: the value that is left out.
        read: makes the value from the address's text; raises `ValueError` on junk.
    """

    key: str
    default: Any
    read: Callable[[str], Any]


def within(low: float, high: float, kind: Callable[[str], Any] = int) -> Callable[[str], Any]:
    """Reads a number of this kind between two bounds, both included."""

    def read(text: str) -> Any:
        value = kind(text)
        if not low <= value <= high:
            raise ValueError(f"{value} is not {low}..{high}")
        return value

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """Reads one of these words."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is not one of {choices}")
        return text

    return read


def flag(text: str) -> bool:
    """Reads `true` or `false`."""
    return one_of("true", "false")(text) == "true"


def new_visit() -> None:
    """Called when a page is opened: whatever the address says now was opened, not written by the page."""
    st.session_state[_WRITTEN] = {}


def opened(name: str) -> str | None:
    """What the address was opened with under `name`; None where there is nothing or the page wrote it itself.

    A browser tells the address as it was when it sent its last change, so what the page wrote comes back late.
    """
    text = st.query_params.get(name)
    return None if text in _written(name) else text


def write(name: str, text: str | None) -> None:
    """Put `text` into the address under `name`; None takes the name out. What stands there is no longer news."""
    _written(name).update((text, st.query_params.get(name)))
    if text is None:
        if name in st.query_params:
            del st.query_params[name]
    elif st.query_params.get(name) != text:
        st.query_params[name] = text


def restore(settings: Sequence[UrlSetting]) -> None:
    """Before the widgets: give them what an opened address says, else what they had, else the default."""
    for setting in settings:
        text = opened(setting.key)
        if text is not None:
            with suppress(ValueError):
                st.session_state[setting.key] = setting.read(text)
        st.session_state.setdefault(setting.key, setting.default)


def follow(settings: Sequence[UrlSetting]) -> None:
    """After the widgets: write into the address what differs from the default."""
    for setting in settings:
        value = st.session_state.get(setting.key, setting.default)
        write(setting.key, None if value in (setting.default, None) else _text(value))


def _written(name: str) -> set[str | None]:
    written: dict[str, set[str | None]] = st.session_state.setdefault(_WRITTEN, {})
    return written.setdefault(name, {None})


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
