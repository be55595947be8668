"""The largest costs of evaluation, previews, pruning, sweeps and training, by torch's profiler.

`python -m benchmarks.profile` stores its figures in benchmarks/measured/profile.json. Time in torch's operations is
classified by their names; the rest is Python, numpy and waiting. The profiler itself takes time, more for small
operations, so its shares are meaningful and its seconds are not.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch.profiler import ProfilerActivity, profile

from benchmarks.common import write_json
from benchmarks.report import measurements
from benchmarks.training import BATCH_SIZE, start
from roboreg_core.datasets.sources import test_images, training_images
from roboreg_core.evaluation.logits import logits
from roboreg_core.jobs.task import LocalContext
from roboreg_core.models import checkpoints
from roboreg_core.pruning.prune import Pruner, PruneSpec, prune
from roboreg_core.runs.preview import PreviewSpec, measure
from roboreg_core.runs.spec import spec_for
from roboreg_core.schedules.schedule import presets
from roboreg_core.sweeps.grid import source_grid
from roboreg_core.sweeps.shared_prefix import TEST, measure_schedules
from roboreg_core.training.loop import fit

LARGEST = 3
REST = "outside torch: onnxruntime, Python, numpy"
OTHER = "other arithmetic"
# Kinds of work by the first pattern that occurs in the name of an aten or autograd operation.
KINDS = (
    ("convolutions, backward", r"convolution_backward"),
    ("convolutions", r"conv"),
    ("batch norm and ReLU", r"batch_?norm|clamp_min|relu|threshold"),
    ("linear systems", r"linalg|cholesky|triangular|lu_solve"),
    ("products of matrices", r"aten::(mm|addmm|bmm|baddbmm|mv|addmv|addmv_|dot)$"),
    ("drawing and sorting", r"sort|topk|rand"),
    ("copies and gathering", r"copy|index|gather|aten::cat|fill_|empty|resize|strided|slice|constant_pad|select"),
    ("resampling", r"grid_sampler"),
)
# One changed block in each stage, after a preview of another schedule.
PREVIEWED = (9, 5, 1)

Prepare = Callable[[bool], Callable[[], Any]]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Seconds of one kind of work in an activity, and their share."""

    kind: str
    seconds: float
    share: float


def main(
    only: Annotated[str, typer.Option(help="One activity; all by default.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Little work; only tests this script.")] = False,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
) -> None:
    """Profile every activity and print its largest costs."""
    if only and only not in ACTIVITIES:
        raise typer.BadParameter(f"activity must be one of {', '.join(ACTIVITIES)}, got {only!r}")
    busy, started, figures = measurements.others_busy(), time.perf_counter(), {}
    for name, prepare in ACTIVITIES.items():
        if only in ("", name):
            seconds, costs = profiled(prepare(quick))
            figures[name] = {"seconds": seconds, "costs": [asdict(cost) for cost in costs]}
            largest = ", ".join(f"{cost.kind} {cost.share:.0%}" for cost in costs[:LARGEST])
            print(f"{name:<12}{seconds:>8.2f} s: {largest}", flush=True)
    write_json(json, figures)
    if json is None and not (quick or only):
        measurements.keep("profile", figures, seconds=time.perf_counter() - started, busy=busy)


def profiled(work: Callable[[], Any]) -> tuple[float, list[Cost]]:
    """Return the seconds of the work and its costs, largest first; they add up to all seconds."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        started = time.perf_counter()
        work()
        seconds = time.perf_counter() - started
    sums: dict[str, float] = {}
    for event in found.key_averages():
        sums[kind_of(event.key)] = sums.get(kind_of(event.key), 0.0) + event.self_cpu_time_total / 1e6
    sums[REST] = max(0.0, seconds - sum(sums.values()))
    costs = [Cost(kind=kind, seconds=spent, share=spent / seconds) for kind, spent in sums.items()]
    return seconds, sorted(costs, key=lambda cost: cost.seconds, reverse=True)


def kind_of(operation: str) -> str:
    """Return the kind of work of an operation."""
    return next((kind for kind, pattern in KINDS if re.search(pattern, operation, re.IGNORECASE)), OTHER)


def evaluation(quick: bool) -> Callable[[], Any]:
    """Evaluate the dense network on the test images in float32."""
    model, test = checkpoints.load("dense").model, test_images()
    some = test.take(torch.arange(200 if quick else len(test)), "test images")
    logits(model, some.take(torch.arange(100), "warm-up"))
    return lambda: logits(model, some)


def pruning(quick: bool) -> Callable[[], Any]:
    """Prune the dense network to `moderate` by the default method."""
    model, training = checkpoints.load("dense").model, training_images("bundled")
    spec = PruneSpec(calibration=100) if quick else PruneSpec()
    return lambda: prune(model, presets()["moderate"], spec, calibration=training)


def preview(quick: bool) -> Callable[[], Any]:
    """Three previews, one changed block in each stage, after another preview."""
    dense = checkpoints.load("dense")
    context = LocalContext()
    context.inputs = {"dense": dense.content}

    def ask(schedule: Any) -> None:
        run = spec_for(schedule, dense, "bundled", calibration=100 if quick else PruneSpec().calibration)
        measure(PreviewSpec.of(run).to_json(), context)

    before = presets()["moderate"]
    ask(before)
    changed = [before.replace(block, before.counts[block - 1] - 1) for block in PREVIEWED]
    return lambda: list(map(ask, changed))


def sweep(quick: bool) -> Callable[[], Any]:
    """Five of the source project's 27 schedules pruned and measured on the test images."""
    model, training, test = checkpoints.load("dense").model, training_images("bundled"), test_images()
    schedules = source_grid().schedules()[: 2 if quick else 5]
    spec = PruneSpec(calibration=100) if quick else PruneSpec()
    some = test.take(torch.arange(100 if quick else len(test)), "test images")
    return lambda: list(measure_schedules(Pruner(model, spec, calibration=training), schedules, {TEST: some}))


def training(quick: bool) -> Callable[[], Any]:
    """Steps of the source project's recipe, in bfloat16 where the processor has it, with the six augmentations."""
    model, images, spec = start(2 if quick else 40)
    spec = replace(spec, precision="bfloat16")
    fit(model, images.take(torch.arange(BATCH_SIZE), "warm-up"), spec)
    return lambda: fit(model, images, spec)


ACTIVITIES: dict[str, Prepare] = {
    "evaluation": evaluation,
    "preview": preview,
    "prune": pruning,
    "sweep": sweep,
    "training": training,
}


if __name__ == "__main__":
    typer.run(main)
