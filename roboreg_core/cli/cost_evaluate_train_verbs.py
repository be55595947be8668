"""Verbs about networks: what a schedule costs, what a network scores, training one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roboreg_core import paths
from roboreg_core.cli.common import (
    Device,
    Json,
    ScheduleArgument,
    Seed,
    TrainingImages,
    answer,
    load_network,
    measure,
    progress_bar,
    say,
    say_notes,
)
from roboreg_core.cli.grid_options import integers
from roboreg_core.models.costs import DENSE_COST, cost
from roboreg_core.schedules.schedule import Schedule

if TYPE_CHECKING:
    from roboreg_core.evaluation.metrics import Report
    from roboreg_core.training.dense_training import DenseJob
    from roboreg_core.training.loop import EpochRecord, StepProgress


def cost_verb(schedule: ScheduleArgument, as_json: Json = False) -> None:
    """Parameters and multiply-accumulates of a schedule, in closed form."""
    parsed = Schedule.parse(schedule)
    counted = cost(parsed)
    answer(
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


def evaluate_verb(
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="A weights file, a name, or a SHA-256.")],
    precision: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Accuracy, confusion matrix and per-class report of a network on all 10,000 test images."""
    from roboreg_core.device import choose_device, environment
    from roboreg_core.errors import SpecError

    if precision not in ("float32", "bfloat16"):
        raise SpecError(f"precision must be float32 or bfloat16, got {precision!r}")
    chosen = choose_device(device)
    loaded = load_network(checkpoint)
    say_notes(loaded.notes)
    figures, seconds = measure(loaded.model, chosen, precision)
    answer(
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


def train_verb(
    recipe: Annotated[str, typer.Option(help="best, distilled or source.")] = "best",
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images.")] = None,
    seed: Seed = 0,
    seeds: Annotated[str, typer.Option(help="Several, e.g. 0,1,2: a network and a file for each.")] = "",
    images: TrainingImages = "auto",
    device: Device = "auto",
    decay_epochs: Annotated[
        int | None, typer.Option(help="Last epochs over which recipe best lowers its rate to zero.")
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="What recipe distilled learns from: a weights file, a name, or a SHA-256; else what ships."),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Images a step.")] = 128,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from where it stopped.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Weights file to write (.safetensors); with --seeds its name gets the seed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a dense network from scratch. It may be stopped (Ctrl-C) and resumed."""
    from roboreg_core.errors import SpecError
    from roboreg_core.training import spec as specs
    from roboreg_core.training.dense_training import DenseJob

    wanted = tuple(dict.fromkeys(integers(seeds, "seeds"))) if seeds else (seed,)
    if not wanted:
        raise SpecError(f"seeds must be integers joined by commas, got {seeds!r}")
    if teacher is not None and not specs.recipe(recipe).distil_weight:
        raise SpecError(f"a teacher must be left out for recipe {recipe}, got {teacher}; use recipe distilled")
    taught_by = load_network(teacher) if teacher is not None else None
    say_notes(taught_by.notes if taught_by is not None else ())
    jobs = []
    for number in wanted:
        spec = replace(specs.recipe(recipe, epochs, number, decay_epochs), batch_size=batch_size)
        target = out or paths.home() / "checkpoints" / f"{recipe}-{spec.epochs}-seed{number}.safetensors"
        if out is not None and seeds:
            target = out.with_stem(f"{out.stem}-seed{number}")
        jobs.append(
            DenseJob(
                spec=spec,
                out=target,
                training_set=images,
                device=device,
                teacher=taught_by,
                teacher_name=teacher or paths.SHIPPED,
                resume=resume,
            )
        )
    every = _trained(jobs)
    facts = [
        {"out": str(job.out), "recipe": job.spec.to_json(), **figures.to_json()}
        for job, figures in zip(jobs, every, strict=True)
    ]
    lines = [
        f"{job.out}: {figures.accuracy:.2%} of {figures.images:,} test images"
        for job, figures in zip(jobs, every, strict=True)
    ]
    answer(as_json, {"networks": facts} if seeds else facts[0], "\n".join(lines))


def _trained(jobs: list[DenseJob]) -> list[Report]:
    """Train all of them, one after another, with a progress bar over all."""
    from roboreg_core.training.dense_training import train_dense

    def tell(epoch: EpochRecord) -> None:
        say.print(
            f"epoch {epoch.epoch}/{jobs[0].spec.epochs}: loss {epoch.loss:.3f}, accuracy {epoch.accuracy:.2%}, "
            f"validation {epoch.validation_accuracy or 0:.2%}, {epoch.seconds:.0f} s"
        )

    title = f"training {jobs[0].spec.recipe}" + (f", {len(jobs)} seeds" if len(jobs) > 1 else "")
    with progress_bar(title) as advance:

        def part(done: int) -> Callable[[StepProgress], None]:
            return lambda step: advance((done + step.fraction) / len(jobs))

        return [train_dense(job, on_epoch=tell, on_step=part(done)) for done, job in enumerate(jobs)]
