"""Schedules: what was saved, to be opened, renamed, copied, deleted, and taken from one machine to another."""

from roboreg_core.ui import guard, panels, saved_list

guard.enter("schedules")

panels.heading(
    "Saved schedules", "Nine counts under a name: kept from the Design page, opened there again by one click."
)
with panels.errors_shown():
    saved_list.everything()
