"""Tabs of a run; only the open one is drawn, and the address keeps its name."""

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
    "Clusters": clusters_tab.show,
    "Cost": cost_tab.show,
    "History": history_tab.show,
    "Files": files_tab.show,
}


def show(summary: Summary) -> None:
    """Draw the tabs."""
    panels.tabs(TABS, keys.TAB, summary)
