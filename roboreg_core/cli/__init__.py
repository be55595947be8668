"""The command line. `--json` prints one JSON object on standard output; all else goes to standard error.

Bad input ends with exit code 2 and a one-line reason. Heavy modules are imported by the verbs that need them, so that
`cost` answers at once.
"""

from __future__ import annotations

import sys
import warnings

import typer

from roboreg_core.cli import (
    baselines,
    correlate,
    data,
    explore,
    files,
    networks,
    predict,
    pruning,
    runs,
    schedules,
    search,
)
from roboreg_core.cli.common import say
from roboreg_core.errors import RoboRegError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
runs_app = typer.Typer(no_args_is_help=True, help="Finished runs in the store.")
schedules_app = typer.Typer(no_args_is_help=True, help="Schedules saved under a name.")
sweeps_app = typer.Typer(no_args_is_help=True, help="Sweeps: many schedules measured under one setting.")
networks_app = typer.Typer(no_args_is_help=True, help="Dense networks that runs may start from.")
data_app = typer.Typer(no_args_is_help=True, help="The CIFAR-10 images on this machine.")

# A schedule may begin with a minus sign: an error that says why is better than an unknown option.
app.command("compare")(runs.compare_verb)
app.command("correlate")(correlate.correlate_verb)
app.command("cost", context_settings={"ignore_unknown_options": True})(networks.cost_verb)
app.command("evaluate")(networks.evaluate_verb)
app.command("export")(files.export_verb)
app.command("methods")(pruning.methods_verb)
app.command("predict", context_settings={"ignore_unknown_options": True})(predict.predict_verb)
app.command("prune")(pruning.prune_verb)
app.command("report")(files.report_verb)
app.command("run")(runs.run_verb)
app.command("search")(search.search_verb)
app.command("sensitivity")(predict.sensitivity_verb)
app.command("sweep", context_settings={"ignore_unknown_options": True})(explore.sweep_verb)
app.command("train")(networks.train_verb)
app.add_typer(runs_app, name="runs")
runs_app.command("list")(runs.runs_list)
runs_app.command("show")(runs.runs_show)
runs_app.command("record")(runs.runs_record)
runs_app.command("delete")(runs.runs_delete)
runs_app.command("restore")(runs.runs_restore)
app.add_typer(schedules_app, name="schedules")
schedules_app.command("list")(schedules.schedules_list)
schedules_app.command("show")(schedules.schedules_show)
schedules_app.command("save", context_settings={"ignore_unknown_options": True})(schedules.schedules_save)
schedules_app.command("rename")(schedules.schedules_rename)
schedules_app.command("edit")(schedules.schedules_edit)
schedules_app.command("duplicate")(schedules.schedules_duplicate)
schedules_app.command("delete")(schedules.schedules_delete)
schedules_app.command("restore")(schedules.schedules_restore)
schedules_app.command("export")(schedules.schedules_export)
schedules_app.command("import")(schedules.schedules_import)
app.add_typer(sweeps_app, name="sweeps")
sweeps_app.command("list")(explore.sweeps_list)
sweeps_app.command("record")(explore.sweeps_record)
sweeps_app.command("show")(explore.sweeps_show)
sweeps_app.command("rename")(explore.sweeps_rename)
sweeps_app.command("delete")(explore.sweeps_delete)
sweeps_app.command("restore")(explore.sweeps_restore)
app.add_typer(networks_app, name="networks")
networks_app.command("list")(baselines.networks_list)
networks_app.command("add")(baselines.networks_add)
networks_app.command("rename")(baselines.networks_rename)
networks_app.command("delete")(baselines.networks_delete)
networks_app.command("restore")(baselines.networks_restore)
app.add_typer(data_app, name="data")
data_app.command("status")(data.data_status)
data_app.command("fetch")(data.data_fetch)
data_app.command("verify")(data.data_verify)


def main() -> None:
    """Run the command line; errors that a person can act on become one line and exit code 2."""
    # torch comments on files that are then refused in one line.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.")
    try:
        app(standalone_mode=True)
    except RoboRegError as error:
        say.print(f"error: {error}", markup=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        say.print("stopped")
        sys.exit(130)
