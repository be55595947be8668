"""Schedules: what was saved, to be opened, renamed, copied, deleted, and taken from one machine to another."""

from roboreg_core.ui import navigation, panels
from roboreg_core.ui.schedules import schedule_list

navigation.enter("schedules")

panels.heading(
    "Saved schedules", "Nine counts under a name: kept from the Design page, opened there again by one click."
)
with panels.errors_shown():
    schedule_list.everything()
