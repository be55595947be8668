"""A sweep of the original project's 27 schedules with shared prefixes, compared with pruning each from the start.

Both prune by the default method and evaluate on all test images in float32, in turns, each turn in a new process. One
by one means a `prune` and an evaluation per schedule, with everything loaded before. The script fails if any number of
correct predictions differs. Run: python -m benchmarks.sweep
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.common import GOAL, Contender, machine, write_json
from roboreg_core.datasets.images import Images
from roboreg_core.datasets.sources import test_images, training_images
from roboreg_core.evaluation.logits import logits
from roboreg_core.models import checkpoints
from roboreg_core.pruning.prune import Pruner, PruneSpec, prune
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.sweeps.grid import source_grid
from roboreg_core.sweeps.points import ClassCounts
from roboreg_core.sweeps.shared_prefix import TEST, measure_schedules

Counts = dict[str, tuple[int, ...]]


def main(
    repeats: Annotated[int, typer.Option(help="Turns of some minutes.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="3 schedules, 500 images: only tests this script.")] = False,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
) -> None:
    """Measure both ways and print one table."""
    size = (3, 500) if quick else (source_grid().size, 10_000)
    seconds: dict[str, list[float]] = {"one by one": [], "walk": []}
    ways = {"one by one": partial(prepare_alone, *size), "walk": partial(prepare_walk, *size)}
    for _ in range(repeats):
        found: dict[str, Counts] = {}
        for name, way in ways.items():
            with Contender(way) as contender:
                spent, found[name] = contender.turn()
            seconds[name].append(spent)
        if found["walk"] != found["one by one"]:
            raise typer.BadParameter(f"both ways must find the same, got {differences(found)}: not the same work")
    ratios = [alone / shared for alone, shared in zip(seconds["one by one"], seconds["walk"], strict=True)]
    ratio = statistics.median(ratios)
    title = f"Pruning and measuring {size[0]} schedules on {size[1]:,} test images"
    print(f"{title}{' (quick: a test of this script, no result)' if quick else ''}\n")
    for name, taken in seconds.items():
        print(f"{name:<12}{statistics.median(taken):>8.1f} s   ({min(taken):.1f} - {max(taken):.1f})")
    verdict = "reached" if ratio >= GOAL else "missed"
    print(
        f"\n{ratio:.2f} times as fast ({min(ratios):.2f} - {max(ratios):.2f}), same results; goal {GOAL:g}: {verdict}"
    )
    facts = machine()
    print("; ".join(f"{name} {value}" for name, value in facts.items()))
    content = {"title": title, "goal": GOAL, "ratio": ratio, "ratios": ratios, "seconds": seconds, **facts}
    write_json(json, {**content, "schedules": size[0], "quick": quick})


def prepare_alone(schedules: int, images: int) -> Callable[[], Counts]:
    """Prune and evaluate each schedule from the start, as a loop over `prune` does."""
    model, training, test = materials(images)

    def alone(schedule: Schedule) -> tuple[int, ...]:
        pruned = prune(model, schedule, PruneSpec(), calibration=training)
        return ClassCounts.of(logits(pruned.model, test).argmax(1), test.labels, len(test.classes)).right

    return lambda: {str(schedule): alone(schedule) for schedule in source_grid().schedules()[:schedules]}


def prepare_walk(schedules: int, images: int) -> Callable[[], Counts]:
    """Prune and evaluate all with shared prefixes; the dense network's pass is repeated in every turn."""
    model, training, test = materials(images)

    def work() -> Counts:
        pruner = Pruner(model, PruneSpec(), calibration=training)
        points = measure_schedules(pruner, source_grid().schedules()[:schedules], {TEST: test})
        return {str(point.schedule): point.test.right for point in points if point.test is not None}

    return work


def materials(images: int) -> tuple[Any, Images, Images]:
    """Return the dense network, the bundled training images, the first test images."""
    test = test_images().take(torch.arange(images), f"{images:,} test images")
    return checkpoints.load("dense").model, training_images("bundled"), test


def differences(found: dict[str, Counts]) -> str:
    """Return the differences, for the error message."""
    walked, alone = found["walk"], found["one by one"]
    off = [f"{name}: {sum(walked[name])} and {sum(alone[name])} right" for name in alone if walked[name] != alone[name]]
    return "; ".join(off[:3])


if __name__ == "__main__":
    typer.run(main)
