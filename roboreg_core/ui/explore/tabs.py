"""Tabs of Explore; only the open one is drawn, and the address keeps its name."""

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
    """Draw the tabs of the Explore page."""
    panels.tabs(TABS, keys.EXPLORE_TAB)
