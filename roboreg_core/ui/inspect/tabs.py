"""Tabs of a run; only the open one is drawn, and the address keeps its name."""

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
    "Changed predictions": changed_predictions_tab.show,
    "Confusion": confusion_tab.show,
    "Per-class metrics": metrics_tab.show,
    "Filters": clusters_tab.show,
    "Cost": cost_tab.show,
    "History": history_tab.show,
    "Files": files_tab.show,
}
# Names in addresses that earlier versions wrote -> present name.
FORMER_NAMES = {"Damage": "Changed predictions", "Report": "Per-class metrics", "Clusters": "Filters"}


def show(summary: Summary) -> None:
    """Draw the tabs of a run; an address with a former name of a tab opens that tab."""
    if (former := st.query_params.get(keys.TAB)) in FORMER_NAMES:
        st.session_state[keys.TAB] = FORMER_NAMES[former]
    panels.tabs(TABS, keys.TAB, summary)
