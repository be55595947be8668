"""Jobs: what runs, what waits, what has ended. Closing the page changes nothing."""

from roboreg_core.ui import navigation, panels
from roboreg_core.ui.jobs import job_list

navigation.enter("jobs")

panels.heading("Jobs", "Runs and trainings go on while this page, or every page, is closed.")
with panels.errors_shown():
    job_list.everything()
