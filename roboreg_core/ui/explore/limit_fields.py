"""The limits of a search: a switch and a number for each, kept by the address."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from roboreg_core.search.limits import Limits
from roboreg_core.ui import keys, url_settings
from roboreg_core.ui.url_settings import UrlSetting, within


@dataclass(frozen=True, kw_only=True)
class LimitField:
    """How a limit is typed.

    Attributes:
        switch: what the switch is called.
        label: of the number.
        default: the number to begin with.
        low, high: its bounds.
        divisor: by which it is divided to get the limit.
        help: what it means.
    """

    switch: str
    label: str
    default: float
    low: float
    high: float
    divisor: float
    help: str


FIELDS = {
    "macs": LimitField(
        switch="Limit MACs", label="MACs, % of dense at most",
        default=50.0, low=0.1, high=100.0, divisor=100.0,
        help="Multiply-accumulates of an image, half its FLOPs.",
    ),
    "parameters": LimitField(
        switch="Limit parameters", label="Parameters, % of dense at most",
        default=50.0, low=0.1, high=100.0, divisor=100.0,
        help="Trained numbers.",
    ),
    "size_bytes": LimitField(
        switch="Limit size", label="Size, % of dense at most",
        default=50.0, low=0.1, high=100.0, divisor=100.0,
        help="Bytes of the weights file.",
    ),
    "latency": LimitField(
        switch="Limit latency", label="Latency, ms a batch of 256 at most",
        default=100.0, low=0.001, high=1e6, divisor=1000.0,
        help="As measured on this machine.",
    ),
    "drop": LimitField(
        switch="Limit the loss of accuracy", label="Accuracy, points lost at most",
        default=3.0, low=0.0, high=99.0, divisor=100.0,
        help="Largest loss of accuracy against the dense network, right after pruning, on validation images.",
    ),
    "class_drop": LimitField(
        switch="Limit the loss in any class", label="Worst class, points lost at most",
        default=5.0, low=0.0, high=99.0, divisor=100.0,
        help="Largest loss of recall in any of the ten classes, right after pruning, on validation images.",
    ),
}  # fmt: skip
ON_AT_FIRST = "macs"


def show() -> None:
    """The widgets, restored from the address before and followed by it."""
    known = _settings()
    url_settings.restore(known)
    for place, (name, field) in enumerate(FIELDS.items()):
        if place % 3 == 0:
            columns = st.columns(3)
        with columns[place % 3]:
            _limit(name, field)
    url_settings.follow(known)


def read() -> Limits:
    """The limits that are switched on. Raises `SpecError` with the reason where nothing can meet them."""
    values = {name: st.session_state[keys.limit(name)] for name in FIELDS if st.session_state[keys.limit_on(name)]}
    return Limits(**{name: value / FIELDS[name].divisor for name, value in values.items() if value is not None})


def _settings() -> list[UrlSetting]:
    switches = [
        UrlSetting(key=keys.limit_on(name), default=name == ON_AT_FIRST, read=url_settings.flag) for name in FIELDS
    ]
    numbers = [
        UrlSetting(key=keys.limit(name), default=field.default, read=within(field.low, field.high, float))
        for name, field in FIELDS.items()
    ]
    return [*switches, *numbers]


def _limit(name: str, field: LimitField) -> None:
    st.toggle(field.switch, key=keys.limit_on(name), persist_state="session")
    if not st.session_state[keys.limit_on(name)]:
        return
    st.number_input(
        field.label,
        field.low,
        field.high,
        key=keys.limit(name),
        help=field.help,
        persist_state="session",
    )
