"""Explore: sweeps over schedules, their correlations, sensitivity, search and predictions."""

from roboreg_core.ui import navigation, panels
from roboreg_core.ui.explore import tabs

navigation.enter("explore")

panels.heading(
    "Measure many schedules at once, see what correlates with accuracy, and find schedules within your limits."
)
with panels.errors_shown():
    tabs.show()
