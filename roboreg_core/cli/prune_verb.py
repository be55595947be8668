"""The verb `prune`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core.cli.common import (
    Json,
    ScheduleArgument,
    measure,
    print_notes,
    print_result,
    progress_bar,
    with_options,
)
from roboreg_core.cli.prune_options import PruneOptions
from roboreg_core.datasets.dataset import images_fact
from roboreg_core.files import check_writable
from roboreg_core.models.costs import cost
from roboreg_core.runs.spec import images_for
from roboreg_core.schedules.schedule import Schedule

if TYPE_CHECKING:
    import torch

    from roboreg_core.models.resnet import ResNet
    from roboreg_core.pruning.methods import WeightsSpec
    from roboreg_core.pruning.prune_block import BlockReport
    from roboreg_core.training.spec import TrainSpec


@with_options
def prune_verb(
    schedule: ScheduleArgument,
    pruning: PruneOptions,
    out: Annotated[Path | None, typer.Option(help="Weights file to write (.safetensors).")] = None,
    as_json: Json = False,
) -> None:
    """Prune a network, fine-tune it if --preset is given, and evaluate it before and after."""
    from roboreg_core.device import choose_device, environment
    from roboreg_core.models import checkpoints

    if out is not None:
        check_writable(checkpoints.weights_path(out))
    device = choose_device(pruning.device)
    (method, recalibrate), recipe = pruning.composed(), _recipe(pruning)
    loaded = pruning.network()
    parsed = Schedule.parse(schedule, loaded.model.architecture)
    images = images_for(loaded, pruning.training_set(loaded))
    pruned = _prune(parsed, loaded.model, pruning, images, method, recalibrate, device)
    print_notes((*loaded.notes, *pruned.notes))
    before, after = (measure(model, device, images)[0] for model in (loaded.model, pruned.model))
    final: ResNet = pruned.model
    tuned: dict[str, Any] = {}
    if recipe is not None:
        final, tuned = _fine_tune(pruned, loaded.model, recipe, images, device)
    counted = cost(final.schedule)
    accuracy = {
        "test": tuned.get("tuned_accuracy", after["accuracy"]),
        "images": after["images"],
        "precision": "float32",
    }
    source = {} if loaded.source is None else {"source": loaded.source}
    facts = {**pruned.facts, "from": loaded.name, "from_sha256": loaded.sha256, **images_fact(images), **source}
    saved = str(checkpoints.save(out, final, name=out.stem, accuracy=accuracy, **facts, **tuned)) if out else None
    values = {
        **final.schedule.stored(),
        "parameters": counted.parameters,
        "macs": counted.macs,
        "dense_accuracy": before["accuracy"],
        "accuracy": after["accuracy"],
        **tuned,
        **facts,
        "blocks": [block.to_json() for block in pruned.blocks],
        "notes": [*loaded.notes, *pruned.notes],
        "seconds": pruned.seconds,
        "out": saved,
        "environment": environment(device),
    }
    fine_tuned = f", fine-tuned {tuned['tuned_accuracy']:.2%}" if tuned else ""
    text = (
        f"{parsed.label}: dense {before['accuracy']:.2%}, pruned {after['accuracy']:.2%}{fine_tuned}; "
        f"{counted.parameters:,} parameters ({method}{', recalibrated' if recalibrate else ''}, "
        f"{pruned.seconds:.1f} s){pruned.text}"
    )
    print_result(as_json, values, text)


@dataclass(frozen=True, kw_only=True, eq=False)
class _PrunedNetwork:
    """A pruned network with its facts as JSON and text; `keep_zeros` if single weights were pruned."""

    model: ResNet
    blocks: tuple[BlockReport, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float
    facts: dict[str, Any]
    text: str = ""
    keep_zeros: bool = False


def _prune(
    schedule: Schedule,
    dense: ResNet,
    options: PruneOptions,
    images: str,
    method: str,
    recalibrate: bool,
    device: torch.device,
) -> _PrunedNetwork:
    from roboreg_core.datasets import sources
    from roboreg_core.pruning.methods import parse_weights
    from roboreg_core.pruning.prune import PruneSpec, prune

    weights = parse_weights(method)
    if weights is not None:
        return _prune_weights(schedule, dense, weights, images, device)
    spec = PruneSpec(method=method, recalibrate=recalibrate, calibration=options.calibration, seed=options.seed)
    training = sources.training_images(images)
    pruned = prune(dense, schedule, spec, calibration=training, device=device)
    calibration = f"{min(spec.calibration, len(training)):,} of {training.name}" if spec.needs_images else None
    return _PrunedNetwork(
        model=pruned.model,
        blocks=pruned.blocks,
        notes=pruned.notes,
        seconds=pruned.seconds,
        facts={
            "method": asdict(spec),
            "images": {"calibration": calibration, "test": sources.test_images(images).name},
        },
    )


def _prune_weights(
    schedule: Schedule, dense: ResNet, spec: WeightsSpec, images: str, device: torch.device
) -> _PrunedNetwork:
    """Set single weights to zero; report file sizes and latency, which does not improve."""
    from roboreg_core.datasets import sources
    from roboreg_core.evaluation.latency import BATCH, time_network
    from roboreg_core.pruning.methods import WEIGHTS
    from roboreg_core.pruning.weight_pruning import count_zeros, prune_weights

    pruned = prune_weights(dense, spec, schedule)
    zeros = count_zeros(pruned.model)
    latency = {
        name: asdict(time_network(model, BATCH, device=device, repeats=7))
        for name, model in (("dense", dense), ("pruned", pruned.model))
    }
    sparsity = 1 - zeros.nonzeros / zeros.weights
    facts = {
        "method": {"method": WEIGHTS, "threshold": pruned.threshold, "sparsity": sparsity},
        "images": {"calibration": None, "test": sources.test_images(images).name},
        **zeros.to_json(),
        "latency": latency,
    }
    text = (
        f"; {zeros.nonzeros:,} of {zeros.weights:,} weights are non-zero; file {zeros.plain_bytes / 1024:.0f} KiB, "
        f"compressed {zeros.dense_bytes / 1024:.0f}, as compressed sparse rows {zeros.sparse_bytes / 1024:.0f}; "
        f"latency {latency['pruned']['median']:.2f} s per batch of {BATCH}, dense {latency['dense']['median']:.2f} s"
    )
    return _PrunedNetwork(model=pruned.model, seconds=pruned.seconds, facts=facts, text=text, keep_zeros=True)


def _recipe(options: PruneOptions) -> TrainSpec | None:
    if not options.preset:
        return None
    from roboreg_core.training.fine_tuning_presets import tune_preset

    preset = tune_preset(options.preset, options.seed)
    return preset if options.distil else replace(preset, distil_weight=0.0)


def _fine_tune(
    pruned: _PrunedNetwork, dense: ResNet, spec: TrainSpec, images: str, device: torch.device
) -> tuple[ResNet, dict[str, Any]]:
    """Fine-tune with the dense network as teacher; returns the network and its facts."""
    from roboreg_core.datasets import sources
    from roboreg_core.training.loop import TrainingHooks, fit

    training = sources.training_images(images)
    with progress_bar(f"fine-tuning {spec.recipe}") as advance:
        fitted = fit(
            pruned.model,
            training,
            spec,
            device=device,
            validation=sources.validation_images(images),
            teacher=dense,
            keep_zeros=pruned.keep_zeros,
            hooks=TrainingHooks(on_step=lambda step: advance(step.fraction)),
        )
    report, _ = measure(fitted.model, device, images)
    return fitted.model, {
        "tuned_accuracy": report["accuracy"],
        "tuning": {**spec.to_json(), "images": training.name},
        "history": [asdict(epoch) for epoch in fitted.history],
    }
