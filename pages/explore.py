"""Explore: many schedules measured, what they tell together, and which to take."""

from roboreg_core.ui import navigation, panels
from roboreg_core.ui.explore import tabs

navigation.enter("explore")

panels.heading(
    "Explore schedules",
    "Measure many schedules at once, see what goes with what, and find the one that fits your limits.",
)
with panels.errors_shown():
    tabs.show()
