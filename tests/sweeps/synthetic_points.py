"""Made-up points: a smooth world whose accuracies are known at every schedule, so that nothing must be pruned."""

from __future__ import annotations

import math
from collections.abc import Iterable

from roboreg_core.architecture import RESNET20
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.sweeps.points import ClassCounts, Point

IMAGES = (200,) * 10
DENSE_SHARE = 0.93
# How much each block matters.
WEIGHTS = (0.5, 0.3, 0.3, 0.9, 0.4, 0.4, 0.8, 0.3, 0.2)


def true_accuracy(schedule: Schedule) -> float:
    """Falls with every cluster that goes, faster when others are gone; 0.1 is chance."""
    lost = sum(
        weight * (bound / count - 1) for weight, count, bound in zip(WEIGHTS, schedule, RESNET20.bounds, strict=True)
    )
    return 0.1 + (DENSE_SHARE - 0.1) * math.exp(-0.04 * lost)


def seen(share: float) -> ClassCounts:
    """So large a share right of 2,000 images, as evenly over the classes as it goes."""
    right = round(2_000 * share)
    return ClassCounts(right=tuple((right + place) // 10 for place in range(10)), images=IMAGES)


def made(schedule: Schedule, *, share: float | None = None, tuned: float | None = None, seed: int = 0) -> Point:
    """The point of a schedule; `share` in place of the true accuracy."""
    return Point(
        schedule=schedule,
        kept=schedule,
        validation=seen(true_accuracy(schedule) if share is None else share),
        tuned_validation=tuned,
        seed=seed,
        method="refit",
        calibration=3_000,
        training_set="bundled",
        dense_sha256="d" * 64,
    )


def made_all(schedules: Iterable[Schedule]) -> list[Point]:
    """A point for each."""
    return [made(schedule) for schedule in schedules]
