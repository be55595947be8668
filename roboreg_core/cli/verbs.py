"""The verbs of the command line and their groups."""

# Verbs import torch and other heavy modules when called, so that light verbs start at once.

import typer

from roboreg_core.cli import (
    correlate_verb,
    cost_verb,
    data_verbs,
    evaluate_verb,
    export_verb,
    methods_verb,
    networks_verbs,
    predict_verb,
    prune_verb,
    report_verb,
    run_verbs,
    schedule_verbs,
    search_verb,
    sensitivity_verb,
    store_verbs,
    sweep_verbs,
    train_verb,
)

HELP = """Command line of RoboReg: prune, fine-tune, evaluate, sweep and search without a browser.

Errors in the input end with exit code 2 and one line on standard error.
"""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=HELP)
runs_app = typer.Typer(help="List, show, delete and restore runs.")
schedules_app = typer.Typer(help="Manage saved schedules.")
sweeps_app = typer.Typer(help="Manage sweeps: many schedules measured with one setting.")
networks_app = typer.Typer(help="Manage dense networks.")
store_app = typer.Typer(help="Check the store and free its unused space.")
data_app = typer.Typer(help="Manage data sets: CIFAR-10, CIFAR-100 and your own images.")

# ignore_unknown_options: a schedule with a minus sign is reported as an invalid schedule, not as an unknown option.
app.command("compare")(run_verbs.compare_verb)
app.command("correlate")(correlate_verb.correlate_verb)
app.command("cost", context_settings={"ignore_unknown_options": True})(cost_verb.cost_verb)
app.command("evaluate")(evaluate_verb.evaluate_verb)
app.command("export")(export_verb.export_verb)
app.command("methods")(methods_verb.methods_verb)
app.command("predict", context_settings={"ignore_unknown_options": True})(predict_verb.predict_verb)
app.command("prune")(prune_verb.prune_verb)
app.command("report")(report_verb.report_verb)
app.command("run")(run_verbs.run_verb)
app.command("search")(search_verb.search_verb)
app.command("sensitivity")(sensitivity_verb.sensitivity_verb)
app.command("sweep", context_settings={"ignore_unknown_options": True})(sweep_verbs.sweep_verb)
app.command("train")(train_verb.train_verb)
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
app.add_typer(store_app, name="store")
store_app.command("status")(store_verbs.store_status)
store_app.command("check")(store_verbs.store_check)
store_app.command("collect")(store_verbs.store_collect)
app.add_typer(data_app, name="data")
data_app.command("list")(data_verbs.data_list)
data_app.command("add")(data_verbs.data_add)
data_app.command("show")(data_verbs.data_show)
data_app.command("rename")(data_verbs.data_rename)
data_app.command("delete")(data_verbs.data_delete)
data_app.command("restore")(data_verbs.data_restore)
data_app.command("status")(data_verbs.data_status)
data_app.command("fetch")(data_verbs.data_fetch)
data_app.command("verify")(data_verbs.data_verify)
