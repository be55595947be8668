"""Settings that the page's address carries: an opened address sets them, and the address follows them.

Only what differs from the default stands in the address. Junk in it is ignored, so the default holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st


@dataclass(frozen=True, kw_only=True)
class Setting:
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


def restore(settings: Sequence[Setting]) -> None:
    """Before the widgets: give them what a newly opened address says, else what they had, else the default."""
    for setting in settings:
        text = st.query_params.get(setting.key)
        if text is not None and text != st.session_state.get(_seen(setting)):
            try:
                st.session_state[setting.key] = setting.read(text)
            except ValueError:
                del st.query_params[setting.key]
        st.session_state.setdefault(setting.key, setting.default)


def follow(settings: Sequence[Setting]) -> None:
    """After the widgets: write into the address what differs from the default."""
    for setting in settings:
        value = st.session_state.get(setting.key, setting.default)
        text = None if value in (setting.default, None) else _text(value)
        st.session_state[_seen(setting)] = text
        if text is None:
            if setting.key in st.query_params:
                del st.query_params[setting.key]
        elif st.query_params.get(setting.key) != text:
            st.query_params[setting.key] = text


def _seen(setting: Setting) -> str:
    return f"seen-{setting.key}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
