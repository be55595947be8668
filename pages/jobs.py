"""Jobs: queued, running and finished jobs."""

from roboreg_core.ui import navigation, panels
from roboreg_core.ui.jobs import job_list

navigation.enter("jobs")

panels.heading("Runs and trainings continue while the pages are closed.")
with panels.errors_shown():
    panels.damage(with_jobs=True)
    job_list.everything()
