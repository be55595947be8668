"""HTML for a run's marker, as in the charts, a signed change in its colour, and a picture."""

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


def picture(url: str, size: int, box: int, alt: str, title: str = "") -> str:
    """A square image of `size` pixels at `url`, as large as fits into `box` pixels.

    It is enlarged by a whole number without smoothing, or reduced.
    """
    shown, rendering = (size * (box // size), "pixelated") if size <= box else (box, "auto")
    hint = f' title="{html.escape(title)}"' if title else ""
    return (
        f'<img src="{url}" alt="{html.escape(alt)}"{hint} width="{shown}" height="{shown}" '
        f'style="width:{shown}px;height:{shown}px;image-rendering:{rendering};border-radius:2px;display:block">'
    )
