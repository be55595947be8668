"""Fields inside tabs, kept in the address, and chart marks chosen by a click or by a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from roboreg_core.charts.base import Chosen
from roboreg_core.runs.results import final_stage
from roboreg_core.store.records import Record
from roboreg_core.ui import keys, url_settings
from roboreg_core.ui.url_settings import UrlSetting, one_of
from roboreg_core.wording import fmt, run_facts

STAGE_WORDS = {stage: fmt.sentence_case(text) for stage, text in fmt.STAGE_WORDS.items()}


def stage(record: Record) -> str:
    """Draw the field for the network that a tab shows; return its stage: `dense`, `pruned` or `tuned`."""
    stages = run_facts.stages_of(record)
    return segment("Network", keys.STAGE, {each: STAGE_WORDS[each] for each in stages}, final_stage(record))


def segment(label: str, key: str, options: dict[str, str], default: str, **how: Any) -> str:
    """Draw a segmented control, kept in the address; return the selected value.

    Args:
        label: label of the widget.
        key: its key and query parameter.
        options: value -> label.
        default: value without a query parameter.
        how: passed to `st.segmented_control`.
    """
    setting = UrlSetting(key=key, default=default, read=one_of(*options))
    url_settings.restore([setting])
    if st.session_state[key] not in options:
        st.session_state[key] = default
    st.segmented_control(
        label, list(options), required=True, format_func=options.__getitem__, key=key, persist_state="session", **how
    )
    url_settings.follow([setting])
    chosen: str = st.session_state[key]
    return chosen


def toggle(label: str, key: str) -> bool:
    """Draw a toggle, off by default and kept in the address by its `key`; return its value."""
    setting = UrlSetting(key=key, default=False, read=url_settings.flag)
    url_settings.restore([setting])
    st.toggle(label, key=key, persist_state="session")
    url_settings.follow([setting])
    return bool(st.session_state[key])


def choice(label: str, key: str, options: dict[str, str], placeholder: str) -> str | None:
    """Draw a select box, kept in the address by its `key`; return the selected value, None if nothing is selected.

    `options` maps each value to its label; `placeholder` is shown if nothing is selected.
    """
    setting = optional(key, options)
    url_settings.restore([setting])
    if st.session_state[key] not in options:
        st.session_state[key] = None
    st.selectbox(
        label,
        list(options),
        index=None,
        format_func=options.__getitem__,
        key=key,
        placeholder=placeholder,
        persist_state="session",
    )
    url_settings.follow([setting])
    chosen: str | None = st.session_state[key]
    return chosen


def optional(key: str, options: Sequence[str] | dict[str, str]) -> UrlSetting:
    """Address setting of the widget with this key: one of `options`, by default None."""
    return UrlSetting(key=key, default=None, read=one_of(*options))


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Arguments for a clickable chart.

    Attributes:
        key: its widget key.
        chosen: the marks that are selected when it is first drawn with this key.
    """

    key: str
    chosen: Chosen


def marks(chart: str, chosen: Chosen, variant: str = "") -> Marks:
    """Widget key and initial selection that keep a chart in sync with a choice made by a list or the address.

    The browser itself keeps a clicked mark, so a click does not redraw the chart. It gets a new key, and is drawn with
    `chosen` selected, only if `chosen` differs from the mark clicked last, or if `variant` has changed.

    Args:
        chart: name of the chart, unique on the page.
        chosen: marks that are selected now.
        variant: text that identifies the chart's content.
    """
    kept = st.session_state.setdefault(_memory(chart), {"turn": 0, "shown": ((), variant), "begun": ()})
    now = (_plain(chosen), variant)
    if now != kept["shown"]:
        kept.update(turn=kept["turn"] + 1, shown=now, begun=chosen)
    key = f"chart-{chart}" + (f"-{kept['turn']}" if kept["turn"] else "")
    return Marks(key=key, chosen=kept["begun"])


def clicked(chart: str, key: str, selection: str, variant: str, fields: dict[str, str]) -> None:
    """Callback of a chart: copy its clicked mark into widgets, None if no mark is selected.

    Args:
        chart: name of the chart, as for `marks`.
        key: widget key of the chart, from `marks`.
        selection: name of the chart's selection.
        variant: variant of the chart, as for `marks`.
        fields: field of the selection -> key of the widget that gets its value.
    """
    state: Any = st.session_state.get(key) or {}
    found = (state.get("selection") or {}).get(selection) or []
    chosen = ({field: str(found[-1].get(field)) for field in fields},) if found else ()
    for field, widget in fields.items():
        st.session_state[widget] = chosen[0][field] if chosen else None
    st.session_state[_memory(chart)]["shown"] = (_plain(chosen), variant)


def _memory(chart: str) -> str:
    return f"marks-{chart}"


def _plain(chosen: Chosen) -> tuple[tuple[tuple[str, str], ...], ...]:
    return tuple(tuple(sorted(each.items())) for each in chosen)
