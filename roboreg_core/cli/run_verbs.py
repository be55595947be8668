"""The verbs `run`, `compare`, and `runs list`, `show`, `record`, `delete` and `restore`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core import paths
from roboreg_core.cli.common import (
    DENSE,
    Baseline,
    Json,
    ScheduleArgument,
    find_run,
    print_damage,
    print_notes,
    print_result,
    print_undo,
    progress_bar,
    stderr,
    with_options,
)
from roboreg_core.cli.prune_options import PruneOptions
from roboreg_core.runs.results import LISTED, kept_schedule
from roboreg_core.runs.spec import KIND, preset_fields, spec_for
from roboreg_core.schedules.saved_schedules import saved_schedules, using
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.training.fine_tuning_presets import DEFAULT_TUNE_PRESET
from roboreg_core.user_store import open_store
from roboreg_core.wording import fmt
from roboreg_core.wording.dataset_facts import kind_parts

if TYPE_CHECKING:
    from roboreg_core.runs.spec import RunSpec
    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store

Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or its first digits.")]


@with_options
def run_verb(
    schedule: ScheduleArgument,
    pruning: PruneOptions,
    epochs: Annotated[int | None, typer.Option(help="Epochs of fine-tuning; 0 for none.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate of fine-tuning.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per step.")] = None,
    as_json: Json = False,
) -> None:
    """Prune, evaluate, fine-tune, evaluate, and store the run; a run that already exists is shown."""
    loaded = pruning.network()
    parsed = Schedule.parse(schedule, loaded.model.architecture)
    print_notes(loaded.notes)
    method, recalibrate = pruning.composed()
    given = {"epochs": epochs, "learning_rate": learning_rate, "batch_size": batch_size}
    settings = {
        **preset_fields(pruning.preset or DEFAULT_TUNE_PRESET),
        **{name: value for name, value in given.items() if value is not None},
        "method": method,
        "recalibrate": recalibrate,
        "calibration": pruning.calibration,
        "seed": pruning.seed,
        "distil": pruning.distil,
        "device": pruning.device,
        "file": pruning.file_options(),
    }
    spec = spec_for(parsed, loaded, pruning.training_set(loaded), **settings)
    store = open_store()
    record = store.get_record(spec.id)
    if record is None:
        record = _execute(spec, loaded.content, store)
    else:
        stderr.print(f"run {spec.id} already exists, created {record.created}")
    print_result(as_json, _record_json(record), _record_line(record))


def runs_list(as_json: Json = False) -> None:
    """List all runs, newest first."""
    store = open_store()
    records = store.list_records(KIND, LISTED)
    print_damage(store)
    lines = "\n".join(_record_line(record) for record in records) or "no runs yet: python -m roboreg_core run moderate"
    print_result(as_json, {"runs": [_summary(record) for record in records]}, lines)


def runs_show(
    run: Run,
    baseline: Baseline = DENSE,
    images: Annotated[bool, typer.Option("--images", help="Include the indices of the changed test images.")] = False,
    block: Annotated[
        int | None, typer.Option(help="Include the clusters of the filters of the block with this number.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a run and its changes against a baseline."""
    from roboreg_core.runs.filter_groups import clusters_of
    from roboreg_core.runs.summary import summary

    store = open_store()
    record = find_run(store, run)
    found = summary(record, store, _baseline(store, baseline))
    verdict = found.paired[found.final].verdict.words
    line = f"{_record_line(record)}\nagainst {found.baseline.name}: {verdict}"
    filters = {} if block is None else {"filters": clusters_of(record, block, store).to_json()}
    print_result(as_json, {**_record_json(record), **found.to_json(images=images), **filters}, line)


def compare_verb(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN RUN ...", help="Ids of 2 to 16 runs, or their first digits.")
    ],
    baseline: Baseline = DENSE,
    as_json: Json = False,
) -> None:
    """Compare runs against a baseline: accuracy with significance, costs, per-class metrics and shared errors."""
    from roboreg_core.runs.comparison import compare_runs

    store = open_store()
    found = compare_runs([find_run(store, run) for run in runs], store, _baseline(store, baseline))
    verdicts = [row.paired.verdict.words if row.paired else "other test images than the baseline" for row in found.rows]
    lines = [f"{_record_line(row.record)}  {verdict}" for row, verdict in zip(found.rows, verdicts, strict=True)]
    lines += [f"note: {each.words}" for each in found.unlike]
    print_result(as_json, found.to_json(), "\n".join(lines))


def runs_delete(
    run: Run,
    now: Annotated[
        bool, typer.Option("--now", help="Delete permanently, including files; also for a run that is already deleted.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Delete one of your runs; `runs restore` brings it back within 30 days, then its files are removed."""
    store = open_store()
    # A prefix selects a deleted run only if no other run has it.
    exists = any(record.id.startswith(run) for record in store.list_records(KIND, ()))
    deleted = now and not exists and bool(store.list_deleted(KIND, run))
    record = store.find_deleted_record(run, KIND) if deleted else find_run(store, run)
    names = [each.name for each in using(saved_schedules(store), record)]
    if now:
        store.delete_record(record.id)
    else:
        store.soft_delete_record(record.id)
        print_undo(f"runs restore {record.id}")
    if names:
        stderr.print(f"note: its schedule, saved as {', '.join(map(repr, names))}, is kept", markup=False)
    values = {"run": record.id, "deleted": True, "can_be_restored": not now, "saved_schedules": names}
    print_result(as_json, values, f"deleted: {_record_line(record)}")


def runs_restore(run: Run, as_json: Json = False) -> None:
    """Restore a deleted run."""
    store = open_store()
    record = store.restore_record(store.find_deleted_record(run, KIND).id)
    print_result(as_json, _summary(record), f"restored: {_record_line(record)}")


def runs_record(
    times: Annotated[
        bool, typer.Option("--times", help="Only measure the latency of the existing ones again, on an idle machine.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Execute the example runs that the store lacks, and export all of them to checkpoints/recorded."""
    from roboreg_core import example_runs

    store = open_store()
    if times:
        ids = example_runs.measure_latency_again(store)
    else:
        ids = example_runs.make(store, lambda spec, content: _execute(spec, content, store))
    print_result(as_json, {"recorded": ids}, f"recorded {len(ids)} runs in {paths.recorded()}")


def _baseline(store: Store, name: str) -> Record | None:
    return None if name == DENSE else find_run(store, name)


def _execute(spec: RunSpec, content: bytes, store: Store) -> Record:
    from roboreg_core.runs.local import run_here

    with progress_bar(f"run {spec.id}") as advance:
        return run_here(
            spec, {"dense": content}, store, on_report=lambda payload: advance(payload["fraction"], payload["stage"])
        )


def _record_json(record: Record) -> dict[str, Any]:
    return {**asdict(record), **_summary(record)}


def _summary(record: Record) -> dict[str, Any]:
    result = record.result
    return {
        "run": record.id,
        "created": record.created,
        "recorded": record.recorded,
        **kept_schedule(record).stored(),
        "parameters": result["cost"]["parameters"],
        "macs": result["cost"]["macs"],
        "method": record.spec["method"],
        "epochs": record.spec["epochs"],
        "accuracy": {stage: report["accuracy"] for stage, report in result["stages"].items()},
    }


def _record_line(record: Record) -> str:
    summary = _summary(record)
    stages = ", ".join(f"{fmt.STAGE_WORDS[stage]} {accuracy:.2%}" for stage, accuracy in summary["accuracy"].items())
    kept = kept_schedule(record)
    label = fmt.SEPARATOR.join([kept.label, *kind_parts(kept.architecture, record.spec["training_set"])])
    mark = "  (example)" if record.recorded else ""
    return f"{record.id}  {label:<28} {summary['parameters']:>7,} parameters  {stages}{mark}"
