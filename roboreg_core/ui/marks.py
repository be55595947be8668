"""Small pieces of HTML that show a run as it looks in every chart, and a signed change in its colour."""

from __future__ import annotations

import html

import streamlit as st

from roboreg_core.charts.palette import Style

# Colours of text with a contrast of at least 4.5 to 1, as in the theme.
_INKS = {
    "light": {"gain": "#00609A", "loss": "#A84A00"},
    "dark": {"gain": "#7CC4EE", "loss": "#FFA469"},
}
# Corners in a box of 16 by 16.
_CORNERS = {
    "square": "2,2 14,2 14,14 2,14",
    "triangle-up": "8,2 14,14 2,14",
    "triangle-down": "2,2 14,2 8,14",
    "triangle-left": "14,2 14,14 2,8",
    "triangle-right": "2,2 14,8 2,14",
    "diamond": "8,1 14,8 8,15 2,8",
    "cross": "6,2 10,2 10,6 14,6 14,10 10,10 10,14 6,14 6,10 2,10 2,6 6,6",
}


def marker(style: Style, *, hollow: bool) -> str:
    """A run's marker: its colour and shape; hollow for a recorded run, as in the charts."""
    paint = f'fill="{"none" if hollow else style.colour}" stroke="{style.colour}" stroke-width="2"'
    corners = _CORNERS.get(style.marker)
    shape = f'<polygon points="{corners}" {paint}/>' if corners else f'<circle cx="8" cy="8" r="6" {paint}/>'
    return (
        '<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" '
        f'style="vertical-align:-2px;margin-right:.4em">{shape}</svg>'
    )


def signed(text: str, verdict: str) -> str:
    """A signed change: blue for a gain, orange for a loss, faint for neither; `verdict` is that of `facts.Change`."""
    inks = _INKS["dark" if st.context.theme.type == "dark" else "light"]
    style = f"color:{inks[verdict]};font-weight:600" if verdict in inks else "opacity:.75"
    return f'<span style="{style};white-space:nowrap">{html.escape(text)}</span>'
