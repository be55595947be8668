"""Inspect: one run against the dense network that it came from, or against another run."""

from roboreg_core.ui import guard, measured, panels, removal
from roboreg_core.ui.inspect import choice, foretold, header, tabs

guard.enter("inspect")

panels.heading("Inspect a run")
with panels.errors_shown():
    removal.undo_bar()
    chosen = choice.pick()
    if chosen is not None:
        with panels.errors_shown():
            summary = measured.summary_of(*chosen)
            header.finding(summary)
            header.tiles(summary)
            foretold.line(chosen[0])
            tabs.show(summary)
        header.made_with(chosen[0])
        removal.button(chosen[0])
