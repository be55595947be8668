"""The verb `train`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roboreg_core import paths
from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.cli.common import (
    ArchitectureName,
    Data,
    Device,
    Json,
    Seed,
    TrainingImages,
    chosen_images,
    load_network,
    print_notes,
    print_result,
    progress_bar,
    stderr,
)
from roboreg_core.cli.grid_options import parse_integers
from roboreg_core.errors import SpecError
from roboreg_core.training import spec as specs

if TYPE_CHECKING:
    from roboreg_core.evaluation.metrics import Report
    from roboreg_core.training.dense_training import DenseJob
    from roboreg_core.training.loop import EpochRecord, StepProgress


def train_verb(
    architecture: ArchitectureName = RESNET20.name,
    recipe: Annotated[str, typer.Option(help=f"{', '.join(specs.RECIPES)}.")] = specs.BEST.spec.recipe,
    epochs: Annotated[int | None, typer.Option(help="Epochs; the recipe's own if omitted.")] = None,
    seed: Seed = 0,
    seeds: Annotated[str, typer.Option(help="Train one network per seed, e.g. 0,1,2.")] = "",
    data: Data = "",
    images: TrainingImages = "auto",
    device: Device = "auto",
    decay_epochs: Annotated[
        int | None, typer.Option(help="Final epochs with decaying learning rate, if it is constant before.")
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="For distillation: a weights file, name or SHA-256; the example network if omitted."),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Images per step.")] = 128,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted training.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Weights file to write (.safetensors); --seeds appends the seed to its name.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a dense network from scratch. Training can be interrupted (Ctrl-C) and resumed."""
    from roboreg_core.training.dense_training import DenseJob

    network = Architecture.parse(architecture)
    numbers = tuple(dict.fromkeys(parse_integers(seeds, "seeds"))) if seeds else (seed,)
    if not numbers:
        raise SpecError(f"seeds must be comma-separated integers, got {seeds!r}")
    if teacher is not None and not specs.recipe(recipe).distil_weight:
        raise SpecError(f"a teacher must be left out for recipe {recipe}, got {teacher}; use recipe distilled")
    loaded = load_network(teacher, data=data) if teacher is not None else None
    print_notes(loaded.notes if loaded is not None else ())
    jobs = []
    for number in numbers:
        spec = replace(specs.recipe(recipe, epochs, number, decay_epochs), batch_size=batch_size)
        kind = "" if network == RESNET20 else f"{network.name}-"
        target = out or paths.home() / "checkpoints" / f"{kind}{recipe}-{spec.epochs}-seed{number}.safetensors"
        if out is not None and seeds:
            target = out.with_stem(f"{out.stem}-seed{number}")
        jobs.append(
            DenseJob(
                spec=spec,
                out=target,
                architecture=network,
                training_set=chosen_images(data, images),
                device=device,
                teacher=loaded,
                teacher_name=teacher or paths.SHIPPED,
                resume=resume,
            )
        )
    trained = list(zip(jobs, _train(jobs), strict=True))
    networks = [{"out": str(job.out), "recipe": job.spec.to_json(), **report.to_json()} for job, report in trained]
    lines = [f"{job.out}: accuracy {report.accuracy:.2%} on {report.images:,} test images" for job, report in trained]
    print_result(as_json, {"networks": networks} if seeds else networks[0], "\n".join(lines))


def _train(jobs: list[DenseJob]) -> list[Report]:
    from roboreg_core.training.dense_training import train_dense

    def print_epoch(epoch: EpochRecord) -> None:
        stderr.print(
            f"epoch {epoch.epoch}/{jobs[0].spec.epochs}: loss {epoch.loss:.3f}, accuracy {epoch.accuracy:.2%}, "
            f"validation {epoch.validation_accuracy or 0:.2%}, {epoch.seconds:.0f} s"
        )

    title = f"training {jobs[0].spec.recipe}" + (f", {len(jobs)} seeds" if len(jobs) > 1 else "")
    with progress_bar(title) as advance:

        def on_step(done: int) -> Callable[[StepProgress], None]:
            return lambda step: advance((done + step.fraction) / len(jobs))

        return [train_dense(job, on_epoch=print_epoch, on_step=on_step(done)) for done, job in enumerate(jobs)]
