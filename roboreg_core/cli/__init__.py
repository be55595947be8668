"""The command line. `--json` prints one JSON object on standard output; all else goes to standard error.

Bad input ends with exit code 2 and a one-line reason. Heavy modules are imported by the verbs that need them, so that
`cost` answers at once.
"""

from __future__ import annotations

import sys
import warnings

import typer

from roboreg_core.cli import (
    correlate_verb,
    cost_evaluate_train_verbs,
    data_verbs,
    export_report_verbs,
    networks_verbs,
    prune_methods_verbs,
    run_verbs,
    schedule_verbs,
    search_verb,
    sensitivity_predict_verbs,
    sweep_verbs,
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
app.command("compare")(run_verbs.compare_verb)
app.command("correlate")(correlate_verb.correlate_verb)
app.command("cost", context_settings={"ignore_unknown_options": True})(cost_evaluate_train_verbs.cost_verb)
app.command("evaluate")(cost_evaluate_train_verbs.evaluate_verb)
app.command("export")(export_report_verbs.export_verb)
app.command("methods")(prune_methods_verbs.methods_verb)
app.command("predict", context_settings={"ignore_unknown_options": True})(sensitivity_predict_verbs.predict_verb)
app.command("prune")(prune_methods_verbs.prune_verb)
app.command("report")(export_report_verbs.report_verb)
app.command("run")(run_verbs.run_verb)
app.command("search")(search_verb.search_verb)
app.command("sensitivity")(sensitivity_predict_verbs.sensitivity_verb)
app.command("sweep", context_settings={"ignore_unknown_options": True})(sweep_verbs.sweep_verb)
app.command("train")(cost_evaluate_train_verbs.train_verb)
app.add_typer(runs_app, name="runs")
runs_app.command("list")(run_verbs.runs_list)
runs_app.command("show")(run_verbs.runs_show)
runs_app.command("record")(run_verbs.runs_record)
runs_app.command("delete")(run_verbs.runs_delete)
runs_app.command("restore")(run_verbs.runs_restore)
app.add_typer(schedules_app, name="schedules")
schedules_app.command("list")(schedule_verbs.schedules_list)
schedules_app.command("show")(schedule_verbs.schedules_show)
schedules_app.command("save", context_settings={"ignore_unknown_options": True})(schedule_verbs.schedules_save)
schedules_app.command("rename")(schedule_verbs.schedules_rename)
schedules_app.command("edit")(schedule_verbs.schedules_edit)
schedules_app.command("duplicate")(schedule_verbs.schedules_duplicate)
schedules_app.command("delete")(schedule_verbs.schedules_delete)
schedules_app.command("restore")(schedule_verbs.schedules_restore)
schedules_app.command("export")(schedule_verbs.schedules_export)
schedules_app.command("import")(schedule_verbs.schedules_import)
app.add_typer(sweeps_app, name="sweeps")
sweeps_app.command("list")(sweep_verbs.sweeps_list)
sweeps_app.command("record")(sweep_verbs.sweeps_record)
sweeps_app.command("show")(sweep_verbs.sweeps_show)
sweeps_app.command("rename")(sweep_verbs.sweeps_rename)
sweeps_app.command("delete")(sweep_verbs.sweeps_delete)
sweeps_app.command("restore")(sweep_verbs.sweeps_restore)
app.add_typer(networks_app, name="networks")
networks_app.command("list")(networks_verbs.networks_list)
networks_app.command("add")(networks_verbs.networks_add)
networks_app.command("rename")(networks_verbs.networks_rename)
networks_app.command("delete")(networks_verbs.networks_delete)
networks_app.command("restore")(networks_verbs.networks_restore)
app.add_typer(data_app, name="data")
data_app.command("status")(data_verbs.data_status)
data_app.command("fetch")(data_verbs.data_fetch)
data_app.command("verify")(data_verbs.data_verify)


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
