"""Inspect: one run against its dense network or another run."""

from roboreg_core.ui import navigation, panels, run_deletion, run_metrics_cache
from roboreg_core.ui.inspect import header, inspected_run, predicted_accuracy, tabs

navigation.enter("inspect")

panels.heading()
with panels.errors_shown():
    run_deletion.DELETED.undo_bar()
    chosen = inspected_run.pick()
    if chosen is not None:
        with panels.errors_shown():
            summary = run_metrics_cache.summary_of(*chosen)
            header.finding(summary)
            header.tiles(summary)
            predicted_accuracy.line(chosen[0])
            tabs.show(summary)
        header.made_with(chosen[0])
        run_deletion.button(chosen[0])
