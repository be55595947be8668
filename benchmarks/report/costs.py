"""The largest costs of what RoboReg does, from the profile, and what was done about each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report.catalogue import percent
from benchmarks.report.measurements import Measurement

COSTS_TITLE = "Where the time goes"
LARGEST = 3

ACTIVITIES = {
    "evaluation": "evaluating 10,000 test images, float32",
    "preview": "three previews, a block of each stage changed",
    "prune": "pruning to moderate",
    "sweep": "five schedules of a sweep",
    "training": "40 steps in bfloat16 with the six augmentations",
}

# What was done about a cost, by activity and kind; the general sentence counts where an activity has none of its own.
DONE: Mapping[tuple[str, str], str] = {
    ("evaluation", "convolutions"): "Batch norm folded in; left to oneDNN, channels last.",
    ("evaluation", "batch norm and ReLU"): "Batch norm is folded away, ReLU works in place.",
    ("evaluation", "other arithmetic"): "The residual sums are taken in place.",
    (
        "preview",
        "convolutions",
    ): "Only blocks from the changed one on run again, on 1,500 images and in bfloat16 at the end.",
    (
        "preview",
        "products of matrices",
    ): "Moments are taken at 16, 8 and 6 places of an image, Gram matrices from the diagonal on.",
    ("preview", "linear systems"): "All choices of filters share one matrix of moments; each is a small solve.",
    (
        "prune",
        "convolutions",
    ): "The dense network runs once for all blocks; a pruned block runs on what is left before it.",
    (
        "prune",
        "products of matrices",
    ): "Moments are taken at 16, 8 and 6 places of an image, Gram matrices from the diagonal on.",
    (
        "prune",
        "copies and gathering",
    ): "Few places of many images are gathered, not all; more images paid, places did not.",
    ("sweep", "convolutions"): "Schedules are walked so that neighbours share their first blocks, which run once.",
    (
        "sweep",
        "products of matrices",
    ): "Moments of blocks behind equal ones are taken once for all schedules that share them.",
    (
        "sweep",
        "copies and gathering",
    ): "Activations are kept only where the walk branches, as the batches that they came in, not copied.",
    (
        "training",
        "convolutions, backward",
    ): "bfloat16 and channels last; the rest is oneDNN's, see decisions for what failed.",
    ("training", "convolutions"): "bfloat16 and channels last; the rest is oneDNN's.",
}
GENERAL: Mapping[str, str] = {
    "convolutions": "Left to oneDNN, channels last.",
    "convolutions, backward": "Left to oneDNN, channels last.",
    "batch norm and ReLU": "Works in place where nothing reads the input again.",
    "linear systems": "Choices of filters share one matrix of moments; each is a small solve.",
    "products of matrices": "Left to BLAS.",
    "drawing and sorting": "Places are drawn once for all schedules of a pruner.",
    "copies and gathering": "Only the places that are looked at are gathered.",
    "resampling": "All moves of an image are one resampling.",
    "other arithmetic": "Works in place where nothing reads the input again.",
    "Python and numpy": "Nothing: it is spread over many small steps.",
}


def costs(measured: Measurement) -> str:
    """A table of the three largest costs of each activity."""
    rows = [
        "| what | seconds, with the profiler | largest costs | share | what was done about it |",
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
    """What was done about a cost, in a sentence."""
    return DONE.get((activity, kind)) or GENERAL[kind]


def largest(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Activity and kind of every cost that the table shows."""
    return [(activity, cost["kind"]) for activity in ACTIVITIES for cost in figures[activity]["costs"][:LARGEST]]
