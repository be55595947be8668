"""The largest costs of each activity, from the profile, with the measures taken against them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report.catalogue import percent
from benchmarks.report.measurements import Measurement

COSTS_TITLE = "Where the time goes"
LARGEST = 3

ACTIVITIES = {
    "evaluation": "evaluating the test images, float32",
    "preview": "three previews, one block of each stage changed",
    "prune": "pruning to moderate",
    "sweep": "five schedules of a sweep",
    "training": "40 training steps, bfloat16, six augmentations",
}

# Measures by activity and kind of work; `GENERAL` applies to the other pairs.
DONE: Mapping[tuple[str, str], str] = {
    ("evaluation", "convolutions"): "Batch norm is folded in; float32 on a CPU runs in onnxruntime.",
    ("evaluation", "batch norm and ReLU"): "Batch norm is folded into the convolutions.",
    ("evaluation", "other arithmetic"): "Residuals are added in place.",
    ("preview", "convolutions"): "Only the changed block and later blocks run again, on 1,500 calibration images.",
    ("preview", "products of matrices"): "Second moments use 16, 8 or 6 pixels per image, by stage.",
    ("preview", "linear systems"): "All choices of filters share one matrix of second moments.",
    ("prune", "convolutions"): "The dense network runs once for all blocks; pruned blocks run with reduced widths.",
    ("prune", "products of matrices"): "Second moments use 16, 8 or 6 pixels per image, by stage.",
    ("prune", "copies and gathering"): "Only sampled pixels are gathered.",
    ("sweep", "convolutions"): "Schedules are ordered so that neighbours share their first blocks, which run once.",
    ("sweep", "products of matrices"): "Schedules with equal first blocks share the second moments of the next block.",
    ("sweep", "copies and gathering"): "Activations are kept only where schedules diverge, without copying.",
    ("training", "convolutions, backward"): "bfloat16 and channels last; see docs/decisions.md for rejected ideas.",
    ("training", "convolutions"): "bfloat16 and channels last.",
}
GENERAL: Mapping[str, str] = {
    "convolutions": "oneDNN, channels last.",
    "convolutions, backward": "oneDNN, channels last.",
    "batch norm and ReLU": "In place where the input is not read again.",
    "linear systems": "All choices of filters share one matrix of second moments.",
    "products of matrices": "BLAS.",
    "drawing and sorting": "Pixels are sampled once for all schedules of a pruner.",
    "copies and gathering": "Only sampled pixels are gathered.",
    "resampling": "All geometric augmentations are one resampling.",
    "other arithmetic": "In place where the input is not read again.",
    "outside torch: onnxruntime, Python, numpy": "Evaluations run in onnxruntime; the rest is many small steps.",
}


def costs(measured: Measurement) -> str:
    """Return a table of the `LARGEST` costs of each activity."""
    rows = [
        "| activity | seconds, with the profiler | largest costs | share | measure |",
        "|---|---|---|---|---|",
    ]
    for activity, title in ACTIVITIES.items():
        found = measured.figures[activity]
        for place, cost in enumerate(found["costs"][:LARGEST]):
            head = (title, f"{found['seconds']:.1f}") if place == 0 else ("", "")
            share = percent(cost["share"], 0)
            rows.append(f"| {' | '.join((*head, cost['kind'], share, done(activity, cost['kind'])))} |")
    return "\n".join(rows) + "\n"


def done(activity: str, kind: str) -> str:
    """Return the measure taken against a cost."""
    return DONE.get((activity, kind)) or GENERAL[kind]


def largest(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return activity and kind of every cost in the table."""
    return [(activity, cost["kind"]) for activity in ACTIVITIES for cost in figures[activity]["costs"][:LARGEST]]
