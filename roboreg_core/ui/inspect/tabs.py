"""The tabs of a run; only the open one is drawn, and the address keeps which."""

from __future__ import annotations

import streamlit as st

from roboreg_core.runs.summary import Summary
from roboreg_core.ui import keys, panels
from roboreg_core.ui.inspect import (
    changed_predictions_tab,
    clusters_tab,
    confusion_tab,
    cost_tab,
    files_tab,
    history_tab,
    metrics_tab,
)

TABS = {
    "Damage": changed_predictions_tab.show,
    "Confusion": confusion_tab.show,
    "Report": metrics_tab.show,
    "Clusters": clusters_tab.show,
    "Cost": cost_tab.show,
    "History": history_tab.show,
    "Files": files_tab.show,
}


def show(summary: Summary) -> None:
    """All tabs."""
    drawn = st.tabs(list(TABS), key=keys.TAB, on_change="rerun", bind="query-params")
    for tab, draw in zip(drawn, TABS.values(), strict=True):
        if tab.open:
            with tab, panels.errors_shown():
                draw(summary)
