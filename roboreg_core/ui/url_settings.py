"""Widget values kept in the page's address: an opened address sets them, and later changes are written to it.

Values equal to their default are left out. Invalid values are ignored.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import streamlit as st

_WRITTEN = "address-written"


@dataclass(frozen=True, kw_only=True)
class UrlSetting:
    """A widget whose value is a query parameter of the address.

    Attributes:
        key: key of the widget, and name of the query parameter.
        default: value that is left out of the address.
        read: parses the parameter. Raises `ValueError`: it is invalid.
    """

    key: str
    default: Any
    read: Callable[[str], Any]


def within(low: float, high: float, kind: Callable[[str], Any] = int) -> Callable[[str], Any]:
    """Return a parser of numbers, converted by `kind`; it raises `ValueError` for one outside `low` to `high`."""

    def read(text: str) -> Any:
        value = kind(text)
        if not low <= value <= high:
            raise ValueError(f"{value} is not {low}..{high}")
        return value

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser that returns one of these texts unchanged and raises `ValueError` for any other."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is not one of {choices}")
        return text

    return read


def flag(text: str) -> bool:
    """Parse `true` or `false`. Raises `ValueError`: it is other text."""
    return one_of("true", "false")(text) == "true"


def new_visit() -> None:
    """Forget which query parameters the page wrote; called when a page is opened, so that `opened` returns all."""
    st.session_state[_WRITTEN] = {}


def opened(name: str) -> str | None:
    """Query parameter `name` as the visitor opened the page; None if absent, or if the page itself wrote it.

    The browser sends the address as it was when it sent its last change, so values written here come back late.
    """
    text = st.query_params.get(name)
    return None if text in _written(name) else text


def write(name: str, text: str | None) -> None:
    """Set the query parameter `name` to `text`; None removes it."""
    _written(name).update((text, st.query_params.get(name)))
    if text is None:
        if name in st.query_params:
            del st.query_params[name]
    elif st.query_params.get(name) != text:
        st.query_params[name] = text


def restore(settings: Sequence[UrlSetting]) -> None:
    """Call before drawing the widgets: set them from an opened address, else keep their values, else set defaults."""
    for setting in settings:
        text = opened(setting.key)
        if text is not None:
            with suppress(ValueError):
                st.session_state[setting.key] = setting.read(text)
        st.session_state.setdefault(setting.key, setting.default)


def follow(settings: Sequence[UrlSetting]) -> None:
    """Call after drawing the widgets: write the values that differ from their default into the address."""
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
