"""HTML for a run's marker, as in the charts, and for a signed change in its colour."""

from __future__ import annotations

import html

import streamlit as st

from roboreg_core.charts.palette import Style

# Text colours with a contrast of at least 4.5 to 1, as in the theme.
_INKS = {
    "light": {"gain": "#00609A", "loss": "#A84A00"},
    "dark": {"gain": "#7CC4EE", "loss": "#FFA469"},
}
# Filled and hollow characters for the charts' markers; SVG is not allowed in a page's HTML.
_SIGNS = {
    "circle": "\u25cf\u25cb",
    "square": "\u25a0\u25a1",
    "triangle-up": "\u25b2\u25b3",
    "triangle-down": "\u25bc\u25bd",
    "triangle-left": "\u25c0\u25c1",
    "triangle-right": "\u25b6\u25b7",
    "diamond": "\u25c6\u25c7",
    "cross": "\u271a\u2719",
}


def marker(style: Style, *, hollow: bool) -> str:
    """Marker of a run in its colour and shape; hollow for an example run, as in the charts."""
    sign = _SIGNS[style.marker][int(hollow)]
    return (
        f'<span aria-hidden="true" style="color:{style.colour};font-size:1.15em;display:inline-block;width:1.2em">'
        f"{sign}\ufe0e</span>"
    )


def signed(text: str, verdict: str) -> str:
    """Signed change: blue for a gain, orange for a loss, faint otherwise; `verdict` as in `run_facts.JudgedChange`."""
    inks = _INKS["dark" if st.context.theme.type == "dark" else "light"]
    style = f"color:{inks[verdict]};font-weight:600" if verdict in inks else "opacity:.75"
    return f'<span style="{style};white-space:nowrap">{html.escape(text)}</span>'


def background() -> str:
    """Background colour of the visitor's theme."""
    return "#12181F" if st.context.theme.type == "dark" else "#FFFFFF"
