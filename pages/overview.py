"""Overview: the best run in one sentence, then all runs."""

from roboreg_core.ui import guard, overview, panels, removal, state

guard.enter("overview")

panels.heading("RoboReg", "What happens to a ResNet-20 on CIFAR-10 when it keeps fewer filters?")
with panels.errors_shown():
    removal.undo_bar()
    runs = state.runs()
    if not runs:
        overview.empty()
    else:
        with panels.errors_shown():
            overview.best(runs)
        overview.all_runs(runs)
    overview.presets(runs)
    removal.BIN.listed()
