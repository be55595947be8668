"""HTML for a run's marker, as in the charts, and for a signed change in its colour."""

import html

import streamlit as st

from roboreg_core.charts.palette import DARK, LIGHT, MARKER_CHARACTERS, Style, Theme


def marker(style: Style, *, hollow: bool) -> str:
    """HTML of a run's marker in its colour and shape; hollow for an example run, as in the charts."""
    sign = MARKER_CHARACTERS[style.marker][int(hollow)]
    return (
        f'<span aria-hidden="true" style="color:{style.colour};font-size:1.15em;display:inline-block;width:1.2em">'
        f"{sign}\ufe0e</span>"
    )


def signed(text: str, verdict: str) -> str:
    """HTML of a signed change `text`: blue for the verdict `gain`, orange for `loss`, otherwise faint."""
    colour = {"gain": theme().gain, "loss": theme().loss}.get(verdict)
    style = f"color:{colour};font-weight:600" if colour else "opacity:.75"
    return f'<span style="{style};white-space:nowrap">{html.escape(text)}</span>'


def theme() -> Theme:
    """Colours of the visitor's theme, light or dark."""
    return DARK if st.context.theme.type == "dark" else LIGHT
