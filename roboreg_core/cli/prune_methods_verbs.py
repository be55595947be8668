"""Verbs about pruning: do it, and list the ways to."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core.cli.common import Json, ScheduleArgument, answer, load_network, measure, progress_bar, say_notes
from roboreg_core.cli.prune_options import PruneOptions, takes_pruning
from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import Schedule

if TYPE_CHECKING:
    import torch

    from roboreg_core.models.resnet import ResNet20
    from roboreg_core.pruning.methods import WeightsSpec
    from roboreg_core.pruning.prune_block import BlockReport
    from roboreg_core.training.spec import TrainSpec


def methods_verb(as_json: Json = False) -> None:
    """The named methods and the parts that they are composed of, each with its meaning."""
    from roboreg_core.pruning.methods import (
        CLUSTERS,
        DEFAULT_METHOD,
        FEATURES,
        KEEPS,
        METHODS,
        REPAIRS,
        WEIGHTS,
        WEIGHTS_MEANING,
    )

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
    answer(
        as_json,
        {
            "default": DEFAULT_METHOD,
            "methods": [*methods, {"name": WEIGHTS, "meaning": WEIGHTS_MEANING}],
            "parts": parts,
        },
        "\n".join(lines),
    )


@takes_pruning
def prune_verb(
    schedule: ScheduleArgument,
    pruning: PruneOptions,
    out: Annotated[Path | None, typer.Option(help="Where to save the network (.safetensors).")] = None,
    as_json: Json = False,
) -> None:
    """Prune, with --preset fine-tune as well, and measure before and after."""
    from roboreg_core.device import choose_device, environment
    from roboreg_core.models import checkpoints

    parsed, chosen = Schedule.parse(schedule), choose_device(pruning.device)
    (method, recalibrate), tuning = pruning.composed(), _tuning(pruning)
    loaded = load_network(pruning.start)
    made = _pruned(parsed, loaded.model, pruning, (method, recalibrate), chosen)
    say_notes((*loaded.notes, *made.notes))
    before, after = measure(loaded.model, chosen)[0], measure(made.model, chosen)[0]
    tuned: dict[str, Any] = {}
    final, how = made.model, f"{method}{', recalibrated' if recalibrate else ''}, {made.seconds:.1f} s"
    if tuning is not None:
        final, tuned = _tuned(made, loaded.model, tuning, pruning.images, chosen)
    counted = cost(final.schedule)
    on_test = {
        "test": tuned.get("tuned_accuracy", after["accuracy"]),
        "images": after["images"],
        "precision": "float32",
    }
    facts = {**made.facts, "from": loaded.name, "from_sha256": loaded.sha256}
    saved = str(checkpoints.save(out, final, name=out.stem, accuracy=on_test, **facts, **tuned)) if out else None
    gained = f", tuned {tuned['tuned_accuracy']:.2%}" if tuned else ""
    answer(
        as_json,
        {
            "schedule": final.schedule.to_json(),
            "parameters": counted.parameters,
            "macs": counted.macs,
            "dense_accuracy": before["accuracy"],
            "accuracy": after["accuracy"],
            **tuned,
            **facts,
            "blocks": [block.to_json() for block in made.blocks],
            "notes": [*loaded.notes, *made.notes],
            "seconds": made.seconds,
            "out": saved,
            "environment": environment(chosen),
        },
        f"{parsed.label}: {before['accuracy']:.2%} -> {after['accuracy']:.2%}{gained} with {counted.parameters:,} "
        f"parameters ({how}){made.line}",
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _PrunedNetwork:
    """A pruned network, and what the answer says about it; `single` where single weights were pruned."""

    model: ResNet20
    blocks: tuple[BlockReport, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float
    facts: dict[str, Any]
    line: str = ""
    single: bool = False


def _pruned(
    schedule: Schedule, dense: ResNet20, options: PruneOptions, method: tuple[str, bool], device: torch.device
) -> _PrunedNetwork:
    from roboreg_core.datasets import sources
    from roboreg_core.pruning.methods import parse_weights
    from roboreg_core.pruning.prune import PruneSpec, prune

    single = parse_weights(method[0])
    if single is not None:
        return _without_weights(schedule, dense, single, device)
    spec = PruneSpec(method=method[0], recalibrate=method[1], calibration=options.calibration, seed=options.seed)
    training = sources.training_images(options.images)
    pruned = prune(dense, schedule, spec, calibration=training, device=device)
    looked_at = f"{min(spec.calibration, len(training)):,} of {training.name}" if spec.needs_images else None
    facts = {"method": asdict(spec), "images": {"calibration": looked_at, "test": "10,000 test images"}}
    return _PrunedNetwork(
        model=pruned.model, blocks=pruned.blocks, notes=pruned.notes, seconds=pruned.seconds, facts=facts
    )


def _without_weights(schedule: Schedule, dense: ResNet20, spec: WeightsSpec, device: torch.device) -> _PrunedNetwork:
    """Single weights set to zero, with what that is worth: sizes of files, and the time that it does not save."""
    from roboreg_core.evaluation.latency import BATCH, time_network
    from roboreg_core.pruning.methods import WEIGHTS
    from roboreg_core.pruning.weight_pruning import count_zeros, prune_weights

    pruned = prune_weights(dense, spec, schedule)
    zeros = count_zeros(pruned.model)
    times = {
        name: asdict(time_network(model, BATCH, device=device, repeats=7))
        for name, model in (("dense", dense), ("pruned", pruned.model))
    }
    sparsity = 1 - zeros.nonzeros / zeros.weights
    method = {"method": WEIGHTS, "threshold": pruned.threshold, "sparsity": sparsity}
    line = (
        f"; {zeros.nonzeros:,} of {zeros.weights:,} weights are not zero; in a file they take "
        f"{zeros.plain_bytes / 1024:.0f} KiB, compressed {zeros.dense_bytes / 1024:.0f}, as compressed sparse rows "
        f"{zeros.sparse_bytes / 1024:.0f}; a batch of {BATCH} takes {times['pruned']['median']:.2f} s, before "
        f"{times['dense']['median']:.2f} s"
    )
    facts = {"method": method, "images": {"calibration": None, "test": "10,000 test images"}}
    facts |= {**zeros.to_json(), "latency": times}
    return _PrunedNetwork(model=pruned.model, seconds=pruned.seconds, facts=facts, line=line, single=True)


def _tuning(options: PruneOptions) -> TrainSpec | None:
    if not options.preset:
        return None
    from roboreg_core.training.fine_tuning_presets import tune_preset

    preset = tune_preset(options.preset, options.seed)
    return preset if options.distil else replace(preset, distil_weight=0.0)


def _tuned(
    made: _PrunedNetwork, dense: ResNet20, spec: TrainSpec, images: str, device: torch.device
) -> tuple[ResNet20, dict[str, Any]]:
    """The network after fine-tuning, the dense one its teacher; and what that came to."""
    from roboreg_core.datasets import sources
    from roboreg_core.training.loop import TrainingHooks, fit

    training = sources.training_images(images)
    with progress_bar(f"fine-tuning {spec.recipe}") as advance:
        fitted = fit(
            made.model,
            training,
            spec,
            device=device,
            validation=sources.validation_images(),
            teacher=dense,
            keep_zeros=made.single,
            hooks=TrainingHooks(on_step=lambda step: advance(step.fraction)),
        )
    figures, _ = measure(fitted.model, device)
    return fitted.model, {
        "tuned_accuracy": figures["accuracy"],
        "tuning": {**spec.to_json(), "images": training.name},
        "history": [asdict(epoch) for epoch in fitted.history],
    }
