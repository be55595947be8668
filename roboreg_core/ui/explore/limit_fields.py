"""Fields for the limits of a search: a switch and a number per limit, kept in the address."""

from dataclasses import dataclass

import streamlit as st

from roboreg_core.architecture import Architecture
from roboreg_core.search.limits import Limits
from roboreg_core.ui import keys, url_settings
from roboreg_core.ui.url_settings import UrlSetting, within


@dataclass(frozen=True, kw_only=True)
class _LimitField:
    """A limit's switch and number field; the limit is the number divided by `divisor`."""

    switch: str
    label: str
    default: float
    low: float
    high: float
    divisor: float
    help: str


FIELDS = {
    "macs": _LimitField(
        switch="Limit MACs", label="MACs, % of dense at most",
        default=50.0, low=0.1, high=100.0, divisor=100.0,
        help="Multiply-accumulates per image; FLOPs are twice as many.",
    ),
    "parameters": _LimitField(
        switch="Limit parameters", label="Parameters, % of dense at most",
        default=50.0, low=0.1, high=100.0, divisor=100.0,
        help="Weights and biases, batch norm included.",
    ),
    "size_bytes": _LimitField(
        switch="Limit size", label="Size, % of dense at most",
        default=50.0, low=0.1, high=100.0, divisor=100.0,
        help="Bytes of the float32 weights.",
    ),
    "latency": _LimitField(
        switch="Limit latency", label="Latency, ms per batch of 256 at most",
        default=100.0, low=0.001, high=1e6, divisor=1000.0,
        help="Estimated from measured runs, of this machine if there are enough.",
    ),
    "drop": _LimitField(
        switch="Limit the accuracy loss", label="Accuracy, percentage points lost at most",
        default=3.0, low=0.0, high=99.0, divisor=100.0,
        help="Loss of accuracy against the dense network, right after pruning, on validation images.",
    ),
    "class_drop": _LimitField(
        switch="Limit the recall loss per class", label="Recall of any class, percentage points lost at most",
        default=5.0, low=0.0, high=99.0, divisor=100.0,
        help="Largest loss of recall of any class, right after pruning, on validation images.",
    ),
}  # fmt: skip
ON_AT_FIRST = "macs"


def show() -> None:
    """Draw a switch and a number field per limit of a search."""
    settings = _settings()
    url_settings.restore(settings)
    for place, (name, field) in enumerate(FIELDS.items()):
        if place % 3 == 0:
            columns = st.columns(3)
        with columns[place % 3]:
            _limit(name, field)
    url_settings.follow(settings)


def read(architecture: Architecture) -> Limits:
    """The limits switched on in `show`. Raises `SpecError`: no schedule of the architecture can meet them."""
    values = {name: st.session_state[keys.limit(name)] for name in FIELDS if st.session_state[keys.limit_on(name)]}
    limits = {name: value / FIELDS[name].divisor for name, value in values.items() if value is not None}
    return Limits(**limits, architecture=architecture)


def _settings() -> list[UrlSetting]:
    switches = [
        UrlSetting(key=keys.limit_on(name), default=name == ON_AT_FIRST, read=url_settings.flag) for name in FIELDS
    ]
    numbers = [
        UrlSetting(key=keys.limit(name), default=field.default, read=within(field.low, field.high, float))
        for name, field in FIELDS.items()
    ]
    return [*switches, *numbers]


def _limit(name: str, field: _LimitField) -> None:
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
