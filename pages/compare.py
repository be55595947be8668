"""Compare: two to sixteen runs side by side against one baseline."""

from roboreg_core.ui import navigation, panels, run_deletion
from roboreg_core.ui.compare import sections

navigation.enter("compare")

panels.heading("Compare runs")
with panels.errors_shown():
    run_deletion.undo_bar()
    sections.everything()
