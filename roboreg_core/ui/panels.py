"""Panels that pages put together: tiles, charts with their table, errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
import streamlit as st
from streamlit.errors import StreamlitAPIException

from roboreg_core.charts import base
from roboreg_core.errors import RoboRegError
from roboreg_core.ui import navigation, presentation
from roboreg_core.wording import fmt
from roboreg_core.wording.run_facts import JudgedChange

VERDICT_COLOURS = {"gain": "blue", "loss": "orange", "within noise": "gray", "no change": "gray"}
NOISE_HELP = (
    "Both networks saw the same images. Gain or loss: more images changed one way than the other than chance would do "
    "(exact McNemar test, p below 0.05). Within noise: chance may have done it."
)

# Streamlit leaves six rem above the title, and lets columns that may not wrap grow out of a narrow screen.
_STYLE = """<style>
.stMainBlockContainer { padding-top: 4rem; padding-bottom: 4rem; }
.st-key-schedule-rows [data-testid="stColumn"] { min-width: 0; }
.st-key-schedule-rows [data-testid="stColumn"]:first-child { min-width: 5.6rem; }
.st-key-schedule-rows [data-testid="stSliderTickBar"] { display: none; }
.one-fewer { font-size: .75rem; opacity: .75; white-space: nowrap; }
@media (max-width: 640px) { .st-key-tools-bar kbd, .one-fewer { display: none; } }
.st-key-preview-old { opacity: 0.45; }
.st-key-preview-note { min-height: 2.7rem; }
</style>"""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A chart and what goes with it.

    Attributes:
        name: unique on the page; part of the keys of its widgets.
        title: the finding, one sentence.
        chart: draws `frame`; called only where the same chart was not drawn before.
        frame: the chart's data.
        alt_text: the chart in words.
        depends: what the figures depend on.
        table: what the table and the CSV show, where that is not `frame`.
        variant: whatever else changes the drawing, e.g. the theme.
        on_select: `rerun`, or what is to be called, to hear of clicks.
        key: of the chart, where it is not `chart-<name>`.
    """

    name: str
    title: str
    chart: Callable[[pd.DataFrame], base.Drawing]
    frame: pd.DataFrame
    alt_text: str
    depends: str = ""
    table: pd.DataFrame | None = None
    variant: str = ""
    on_select: Literal["rerun", "ignore"] | Callable[[], None] = "ignore"
    key: str | None = None


def show(panel: Panel) -> Any:
    """A chart under its finding, with its table and CSV; returns the selection where `on_select` is `rerun`."""
    st.markdown(f"**{escape(panel.title[:1].upper() + panel.title[1:])}**")
    state = st.vega_lite_chart(
        spec=drawn(panel.frame, panel.name, panel.chart, panel.variant),
        width="stretch",
        key=panel.key or f"chart-{panel.name}",
        on_select=panel.on_select,
        alt=panel.alt_text,
    )
    if panel.depends:
        st.caption(escape(panel.depends))
    as_table(panel.name, panel.frame if panel.table is None else panel.table)
    return state


def as_table(name: str, frame: pd.DataFrame, **options: Any) -> None:
    """`Show as table`: the data, and the same as CSV to keep."""
    named = not isinstance(frame.index, pd.RangeIndex)
    with st.expander("Show as table", icon=":material/table:", key=f"table-{name}"):
        st.dataframe(frame, hide_index=not named, height="auto", **options)
        st.download_button(
            "Download CSV",
            frame.to_csv(index=named),
            f"{name}.csv",
            "text/csv",
            key=f"csv-{name}",
            icon=":material/download:",
            on_click="ignore",
        )


def tile(label: str, value: str, change: str, verdict: str, **options: Any) -> None:
    """A figure with its signed change; blue is a gain, orange a loss, grey neither."""
    st.metric(
        label,
        value,
        delta=change,
        delta_color=VERDICT_COLOURS[verdict],  # type: ignore[arg-type]
        delta_arrow="off",
        border=True,
        **options,
    )


def accuracy_tile(label: str, change: JudgedChange, baseline: str = "dense", **options: Any) -> None:
    """An accuracy or recall, 0..1, with its change in points and the verdict."""
    tile(
        label,
        fmt.percent(change.value),
        fmt.signed_points(change.difference),
        change.verdict,
        delta_description=f"{change.verdict}; {baseline} {fmt.percent(change.dense)}",
        help=f"{NOISE_HELP} Margin here: ±{change.margin * 100:.1f} points.",
        **options,
    )


def cost_tile(
    label: str,
    change: JudgedChange,
    shown: Callable[[Any], str],
    note: str = "",
    baseline: str = "dense",
    **options: Any,
) -> None:
    """An exact count with its change in percent; `shown` writes the count, `note` explains it."""
    fewer = "fewer" if change.difference < 0 else "more"
    absolute = f"{shown(abs(change.difference))} {fewer} than {baseline}." if change.difference else "No difference."
    tile(
        label,
        shown(change.value),
        fmt.signed_percent(change.relative),
        change.verdict,
        delta_description=f"{baseline} {shown(change.dense)}",
        help=f"{absolute} {note}".strip(),
        **options,
    )


def heading(title: str, lead: str = "") -> None:
    """The page's title and one line on what it is for; the switch for presenting on pages that can be presented."""
    st.html(_STYLE)
    if navigation.page() in presentation.PAGES:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.title(title, anchor=False)
            presentation.switch()
        presentation.style()
    else:
        st.title(title, anchor=False)
    if lead:
        st.markdown(lead)


@contextmanager
def errors_shown() -> Iterator[None]:
    """Shows a `RoboRegError` as a message instead of letting it end the page."""
    try:
        yield
    except RoboRegError as error:
        st.error(escape(sentence(error)), icon=":material/error:")


@contextmanager
def errors_kept(name: str) -> Iterator[None]:
    """For callbacks, which cannot show anything: keeps a `RoboRegError` for `kept_error(name)` to show in the page."""
    try:
        yield
    except RoboRegError as error:
        st.session_state[f"kept-error-{name}"] = sentence(error)


def action(label: str, key: str, icon: str, act: Callable[[], Any], errors: str, **options: Any) -> bool:
    """A button that calls `act`, whose `RoboRegError` is kept for `kept_error(errors)`; `options` are `st.button`'s."""
    return st.button(label, key=key, icon=f":material/{icon}:", on_click=errors_kept(errors)(act), **options)


def card_heading(title: str, badge: tuple[str, str | None, str], note: str = "") -> None:
    """A card's title, a badge (text, icon, colour) and a note."""
    text, icon, colour = badge
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{escape(title)}**", width="content")
        st.badge(text, icon=icon, color=colour)  # type: ignore[arg-type]
        if note:
            st.caption(note, width="content")


def redraw(*parts: str) -> None:
    """For callbacks: draw only the fragments with these keys again; where one is not on the page, all of it is drawn.

    A change may arrive together with a step to another page, or before a part was drawn for the first time.
    """
    with suppress(StreamlitAPIException):
        st.rerun(scope=list(parts))


def kept_error(name: str) -> None:
    """Show what `errors_kept(name)` kept, once."""
    message = st.session_state.pop(f"kept-error-{name}", None)
    if message:
        st.error(escape(message), icon=":material/error:")


def sentence(error: Exception | str) -> str:
    """A message with a capital and a full stop."""
    text = str(error).strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def as_json(value: Any) -> str:
    """A JSON file's text."""
    return json.dumps(value, indent=1) + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is: names and addresses may hold anything."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>#|~$:" else char for char in text)


def ink() -> str:
    """The colour of text in the visitor's theme."""
    return "#E8EDF2" if st.context.theme.type == "dark" else "#1B2733"


def drawn(frame: pd.DataFrame, name: str, chart: Callable[[pd.DataFrame], Any], variant: str = "") -> dict[str, Any]:
    """The specification of `chart(frame)`, drawn once for each frame, name and variant."""
    spec = _spec(frame, name, variant, chart)
    # Streamlit takes the words beside the chart; twice would be once too often.
    spoken = {key: value for key, value in spec.items() if key != "description"}
    return presentation.enlarged(spoken) if presentation.is_on() else spoken


@st.cache_data(show_spinner=False, max_entries=256)
def _spec(frame: pd.DataFrame, name: str, variant: str, _chart: Callable[[pd.DataFrame], Any]) -> dict[str, Any]:
    del name, variant  # only parts of the key under which the drawing is kept
    return base.specification(_chart(frame))
