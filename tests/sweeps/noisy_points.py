"""Points that nobody measured: accuracies follow from the schedule by a rule, with a little noise from a seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.seeding import numpy_generator
from roboreg_core.sweeps.grid import source_grid
from roboreg_core.sweeps.points import ClassCounts, Point


def seen(accuracy: float, images: int = 1_000) -> ClassCounts:
    """Every class with this share right, as nearly as whole images allow."""
    right = min(images, max(0, round(accuracy * images)))
    return ClassCounts(right=(right,) * 10, images=(images,) * 10)


def saturating(schedule: Schedule) -> float:
    """Accuracy that grows with parameters and saturates."""
    return 0.92 * (1 - math.exp(-cost(schedule).parameters / 60_000))


def points(
    schedules: Iterable[Schedule] | None = None,
    accuracy: Callable[[Schedule], float] = saturating,
    *,
    noise: float = 0.02,
    seed: int = 0,
    tuned: bool = False,
) -> list[Point]:
    """A point a schedule, of the source project's grid unless others are given, each with a record of its own."""
    generator = numpy_generator(seed, "made points")
    made = []
    for number, schedule in enumerate(source_grid().schedules() if schedules is None else schedules):
        after, before = (accuracy(schedule) + noise * generator.normal() for _ in range(2))
        made.append(
            Point(
                schedule=schedule,
                kept=schedule,
                validation=seen(before, 200),
                test=seen(before),
                tuned_validation=min(1.0, after + 0.05) if tuned else None,
                tuned_test=seen(after + 0.05) if tuned else None,
                seed=seed,
                record=f"{seed:08x}{number:08x}",
            )
        )
    return made
