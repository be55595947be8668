"""Verbs about pruning: do it, and list the ways to."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core.cli.common import (
    Calibration,
    Clusters,
    Device,
    Features,
    From,
    Json,
    Keep,
    Method,
    Recalibrate,
    Repair,
    ScheduleArgument,
    Seed,
    TrainingImages,
    answer,
    compose_method,
    measure,
    say_notes,
)
from roboreg_core.model.cost import DENSE_COST, cost
from roboreg_core.schedule import Schedule

if TYPE_CHECKING:
    from roboreg_core.model.checkpoints import Checkpoint

WEIGHTS = "weights"
WEIGHTS_MEANING = "set single weights to zero by magnitude: the network stays as large and as slow as it was"


def methods_verb(as_json: Json = False) -> None:
    """The named methods and the parts that they are composed of, each with its meaning."""
    from roboreg_core.pruning.method import CLUSTERS, DEFAULT_METHOD, FEATURES, KEEPS, METHODS, REPAIRS

    parts = {
        "features": FEATURES,
        "clusters": CLUSTERS,
        "keep": KEEPS,
        "repair": {**REPAIRS, "recalibrate": "batch norm's statistics are estimated anew on calibration images"},
    }
    methods = [method.to_json() for method in METHODS.values()]
    lines = [f"{method['name']:<12}{method['meaning']}" for method in methods]
    lines = [line + (" (default)" if line.split()[0] == DEFAULT_METHOD else "") for line in lines]
    lines.append(f"{WEIGHTS:<12}{WEIGHTS_MEANING}")
    for part, choices in parts.items():
        lines += ["", f"--{part}", *(f"  {name:<12}{meaning}" for name, meaning in choices.items())]
    named = [*methods, {"name": WEIGHTS, "meaning": WEIGHTS_MEANING}]
    answer(as_json, {"default": DEFAULT_METHOD, "methods": named, "parts": parts}, "\n".join(lines))


def prune_verb(
    schedule: ScheduleArgument,
    method: Method = "refit",
    features: Features = "",
    clusters: Clusters = "",
    keep: Keep = "",
    repair: Repair = "",
    recalibrate: Recalibrate = False,
    start: From = "dense",
    calibration: Calibration = 2_000,
    seed: Seed = 0,
    images: TrainingImages = "auto",
    device: Device = "auto",
    sparsity: Annotated[
        float | None,
        typer.Option(help="For --method weights: share of zeros; left out, as many non-zeros as the schedule keeps."),
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="For --method weights: zero up to this size.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to save the pruned network (.safetensors).")] = None,
    as_json: Json = False,
) -> None:
    """Prune without training, and measure before and after."""
    from roboreg_core.data import sources
    from roboreg_core.device import choose_device, environment
    from roboreg_core.errors import SpecError
    from roboreg_core.model import checkpoints
    from roboreg_core.pruning.prune import PruneSpec, prune

    parsed, chosen = Schedule.parse(schedule), choose_device(device)
    if method == WEIGHTS:
        if any((features, clusters, keep, repair, recalibrate)):
            raise SpecError(f"method {WEIGHTS} takes no features, clusters, keep or repair, got some; leave them out")
        _prune_weights(parsed, checkpoints.load(start), sparsity, threshold, chosen, out, as_json)
        return
    if sparsity is not None or threshold is not None:
        raise SpecError(f"sparsity and threshold are for --method {WEIGHTS}, got them with {method}; leave them out")
    composed, recalibrated = compose_method(method, features, clusters, keep, repair, recalibrate)
    spec = PruneSpec(method=composed, recalibrate=recalibrated, calibration=calibration, seed=seed)
    loaded = checkpoints.load(start)
    training = sources.training_images(images)
    pruned = prune(loaded.model, parsed, spec, calibration=training, device=chosen)
    say_notes((*loaded.notes, *pruned.notes))
    before, _ = measure(loaded.model, chosen)
    after, _ = measure(pruned.model, chosen)
    counted = cost(pruned.model.schedule)
    looked_at = f"{min(calibration, len(training)):,} of {training.name}" if spec.needs_images else None
    facts = {
        "method": asdict(spec),
        "from": loaded.name,
        "from_sha256": loaded.sha256,
        "images": {"calibration": looked_at, "test": "10,000 test images"},
    }
    on_test = {"test": after["accuracy"], "images": after["images"], "precision": "float32"}
    saved = str(checkpoints.save(out, pruned.model, name=out.stem, accuracy=on_test, **facts)) if out else None
    answer(
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
        f"({composed}{', recalibrated' if recalibrated else ''}, {pruned.seconds:.1f} s)",
    )


def _prune_weights(
    schedule: Schedule,
    loaded: Checkpoint,
    sparsity: float | None,
    threshold: float | None,
    device: Any,
    out: Path | None,
    as_json: bool,
) -> None:
    from roboreg_core.device import environment
    from roboreg_core.model import checkpoints
    from roboreg_core.pruning.weights import prune_weights

    if sparsity is None and threshold is None:
        sparsity = 1 - cost(schedule).parameters / DENSE_COST.parameters
    pruned = prune_weights(loaded.model, sparsity=sparsity, threshold=threshold)
    before, _ = measure(loaded.model, device)
    after, _ = measure(pruned.model, device)
    counted = cost(pruned.model.schedule)
    method = {"method": WEIGHTS, "threshold": pruned.threshold, "sparsity": 1 - pruned.nonzeros / pruned.weights}
    on_test = {"test": after["accuracy"], "images": after["images"], "precision": "float32"}
    facts = {"method": method, "from": loaded.name, "from_sha256": loaded.sha256}
    saved = str(checkpoints.save(out, pruned.model, name=out.stem, accuracy=on_test, **facts)) if out else None
    answer(
        as_json,
        {
            "schedule": pruned.model.schedule.to_json(),
            "parameters": counted.parameters,
            "macs": counted.macs,
            "weights": pruned.weights,
            "nonzeros": pruned.nonzeros,
            "file_bytes": {"dense": pruned.dense_bytes, "sparse": pruned.sparse_bytes},
            "dense_accuracy": before["accuracy"],
            "accuracy": after["accuracy"],
            **facts,
            "notes": list(loaded.notes),
            "seconds": pruned.seconds,
            "out": saved,
            "environment": environment(device),
        },
        f"{before['accuracy']:.2%} -> {after['accuracy']:.2%}; {pruned.nonzeros:,} of {pruned.weights:,} weights are "
        f"not zero; still {counted.parameters:,} parameters and as slow; {pruned.sparse_bytes / 1024:.0f} KiB as a "
        f"sparse file, {pruned.dense_bytes / 1024:.0f} KiB as a dense one, both compressed",
    )
