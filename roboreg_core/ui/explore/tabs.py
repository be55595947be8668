"""The tabs of Explore; only the open one is drawn, and the address keeps which."""

from __future__ import annotations

import streamlit as st

from roboreg_core.ui import keys, panels
from roboreg_core.ui.explore import correlation_tab, prediction_tab, search_tab, sensitivity_tab, sweeps_tab

TABS = {
    "Sweeps": sweeps_tab.show,
    "Correlation": correlation_tab.show,
    "Sensitivity": sensitivity_tab.show,
    "Search": search_tab.show,
    "Prediction": prediction_tab.show,
}


def show() -> None:
    """All tabs."""
    drawn = st.tabs(list(TABS), key=keys.EXPLORE_TAB, on_change="rerun", bind="query-params")
    for tab, draw in zip(drawn, TABS.values(), strict=True):
        if tab.open:
            with tab, panels.errors_shown():
                draw()
