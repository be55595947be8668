"""Overview: the best run in one sentence, then all runs."""

from roboreg_core.ui import navigation, panels, run_deletion, shared_state
from roboreg_core.ui.overview import sections

navigation.enter("overview")

panels.heading(sections.lead())
with panels.errors_shown():
    panels.damage()
    run_deletion.DELETED.undo_bar()
    runs = shared_state.runs()
    if not runs:
        sections.empty()
    else:
        with panels.errors_shown():
            sections.best()
        sections.all_runs(runs)
    sections.presets()
    run_deletion.DELETED.show_list()
