"""Compare: runs side by side against one baseline."""

from roboreg_core.ui import navigation, panels, run_deletion
from roboreg_core.ui.compare import sections

navigation.enter("compare")

panels.heading()
with panels.errors_shown():
    run_deletion.DELETED.undo_bar()
    sections.everything()
