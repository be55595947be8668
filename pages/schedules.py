"""Schedules: saved schedules to open, edit, copy, delete, import and export."""

from roboreg_core.ui import navigation, panels
from roboreg_core.ui.schedules import schedule_list

navigation.enter("schedules")

panels.heading("Saved filter counts per block: save them on Design, and open them there again.")
with panels.errors_shown(schedule_list.offer):
    schedule_list.everything()
