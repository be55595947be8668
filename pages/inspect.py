"""Inspect: one run against the dense network that it came from."""

from roboreg_core.ui import guard, inspect_tabs, inspector, panels, removal

guard.enter("inspect")

panels.heading("Inspect a run")
with panels.errors_shown():
    removal.undo_bar()
    record = inspector.pick()
    if record is not None:
        inspector.header(record)
        inspector.tiles(record)
        inspect_tabs.show(record)
        inspector.made_with(record)
        removal.button(record)
