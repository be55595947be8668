"""Compare: two to sixteen runs side by side against one baseline."""

from roboreg_core.ui import compare, guard, panels, removal

guard.enter("compare")

panels.heading("Compare runs")
with panels.errors_shown():
    removal.undo_bar()
    compare.everything()
