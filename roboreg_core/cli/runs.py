"""Verbs about runs: do one, list them, show one, make those that ship."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core import paths
from roboreg_core.cli.common import Json, ScheduleArgument, answer, open_store, progress_bar, say, say_notes
from roboreg_core.cli.options import PruneOptions, takes_pruning
from roboreg_core.schedule import Schedule

if TYPE_CHECKING:
    from roboreg_core.runs.spec import RunSpec
    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store


@takes_pruning
def run_verb(
    schedule: ScheduleArgument,
    pruning: PruneOptions,
    epochs: Annotated[int | None, typer.Option(help="Epochs of fine-tuning; 0 leaves it out.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest rate of fine-tuning.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    as_json: Json = False,
) -> None:
    """Prune, evaluate, fine-tune, evaluate, and keep the run in the store. A run that is there already is shown."""
    from roboreg_core.model import checkpoints
    from roboreg_core.runs.spec import DEFAULT_PRESET, of_preset, spec_for

    parsed = Schedule.parse(schedule)
    loaded = checkpoints.load(pruning.start)
    say_notes(loaded.notes)
    method, recalibrate = pruning.composed()
    given = {"epochs": epochs, "learning_rate": learning_rate, "batch_size": batch_size}
    settings = {
        **of_preset(pruning.preset or DEFAULT_PRESET),
        **{name: value for name, value in given.items() if value is not None},
        "method": method,
        "recalibrate": recalibrate,
        "calibration": pruning.calibration,
        "seed": pruning.seed,
        "distil": pruning.distil,
        "device": pruning.device,
    }
    spec = spec_for(parsed, loaded, pruning.images, **settings)
    store = open_store()
    record = store.get_record(spec.id)
    if record is None:
        record = _execute(spec, loaded.content, store)
    else:
        say.print(f"run {spec.id} is in the store since {record.created}")
    answer(as_json, _record_json(record), _record_line(record))


def runs_list(as_json: Json = False) -> None:
    """All runs, newest first."""
    from roboreg_core.runs.spec import KIND

    records = open_store().list_records(KIND)
    lines = "\n".join(_record_line(record) for record in records) or "no runs yet: python -m roboreg_core run moderate"
    answer(as_json, {"runs": [_summary(record) for record in records]}, lines)


def runs_show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or its first digits.")], as_json: Json = False
) -> None:
    """Everything that is known about one run."""
    record = open_store().find_record(run)
    answer(as_json, _record_json(record), _record_line(record))


def runs_record(as_json: Json = False) -> None:
    """Make the six runs that ship with the project, and write them to checkpoints/recorded."""
    from roboreg_core import recorded

    store = open_store()
    ids = recorded.make(store, lambda spec, content: _execute(spec, content, store))
    answer(as_json, {"recorded": ids}, f"recorded {len(ids)} runs in {paths.recorded()}")


def _execute(spec: RunSpec, content: bytes, store: Store) -> Record:
    from roboreg_core.runs.here import run_here

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
        "schedule": result["schedule"],
        "parameters": result["cost"]["parameters"],
        "macs": result["cost"]["macs"],
        "method": record.spec["method"],
        "epochs": record.spec["epochs"],
        "accuracy": {stage: report["accuracy"] for stage, report in result["stages"].items()},
    }


def _record_line(record: Record) -> str:
    summary = _summary(record)
    stages = ", ".join(f"{stage} {accuracy:.2%}" for stage, accuracy in summary["accuracy"].items())
    label = Schedule.from_json(summary["schedule"]).label
    mark = "  (recorded)" if record.recorded else ""
    return f"{record.id}  {label:<28} {summary['parameters']:>7,} parameters  {stages}{mark}"
