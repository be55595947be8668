"""Presentation mode: hide controls and enlarge findings and charts on the pages shown in meetings.

Hidden by CSS: containers whose key begins with `controls`, and the widgets listed below. The widgets stay on the page,
so their settings stay in effect.
"""

from typing import Any

import streamlit as st

from roboreg_core.ui import keys, navigation, url_settings

PAGES = ("overview", "inspect", "compare")
LARGER, TALLER = 1.45, 1.35
# Font sizes in pixels that replace Vega-Lite's defaults.
_FONTS = {
    "axis": {"labelFontSize": 16, "titleFontSize": 17, "labelLimit": 380},
    "legend": {"labelFontSize": 16, "titleFontSize": 17, "symbolSize": 160},
    "header": {"labelFontSize": 17, "titleFontSize": 17},
}
_STYLE = """<style>
[class*="st-key-controls"], .st-key-undo-bar, .st-key-runs-table,
.stMainBlockContainer :is(.stButton, .stDownloadButton,
.stExpander, .stPageLink, .stDataFrame, .stSelectbox, .stMultiSelect, .stTextInput, .stNumberInput, .stButtonGroup,
.stPopover, .stRadio, .stFileUploader) { display: none; }
.stMainBlockContainer h3 { font-size: 2.2rem; line-height: 1.25; }
.stMainBlockContainer .stMarkdown:not(.stCaptionContainer) p { font-size: 1.3rem; }
.stMainBlockContainer [data-testid="stCaptionContainer"] p { font-size: 1.05rem; }
.stMainBlockContainer [data-testid="stMetricValue"] { font-size: 3rem; }
.stMainBlockContainer [data-testid="stMetricLabel"] p { font-size: 1.15rem; }
.stMainBlockContainer .stHtml table { font-size: 1.15rem !important; }
</style>"""


def switch() -> None:
    """Draw the switch of presentation mode; `?present=1` turns it on, and it stays on across pages."""
    text = url_settings.opened(keys.PRESENT)
    if text is not None:
        st.session_state[keys.PRESENT] = text == "1"
    st.session_state.setdefault(keys.PRESENT, False)
    st.toggle(
        "Present",
        key=keys.PRESENT,
        persist_state="session",
        width="content",
        help="Presentation mode: hides controls and tables, enlarges the finding and the charts.",
    )
    url_settings.write(keys.PRESENT, "1" if st.session_state[keys.PRESENT] else None)


def is_on() -> bool:
    """True while the open page is in presentation mode."""
    return bool(st.session_state.get(keys.PRESENT)) and navigation.page() in PAGES


def style() -> None:
    """Add the style sheet of presentation mode while it is on."""
    if is_on():
        st.html(_STYLE)


def enlarged(spec: dict[str, Any]) -> dict[str, Any]:
    """Copy of a chart's Vega-Lite specification, taller and with larger text."""
    config = spec.get("config", {})
    larger = {name: {**fonts, **config.get(name, {})} for name, fonts in _FONTS.items()}
    grown = {key: value if key in ("datasets", "config") else _grown(value) for key, value in spec.items()}
    if isinstance(spec.get("height"), int | float):
        grown["height"] = round(spec["height"] * TALLER)
    return {**grown, "config": {**config, **larger}}


def _grown(part: Any) -> Any:
    if isinstance(part, list):
        return [_grown(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        key: round(value * LARGER) if key == "fontSize" and isinstance(value, int | float) else _grown(value)
        for key, value in part.items()
    }
