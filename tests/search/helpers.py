"""A made-up network whose losses are known: what a search should find is then known as well."""

from __future__ import annotations

import numpy as np

from roboreg_core.prediction.sensitivity import plan
from roboreg_core.schedules.schedule import BOUNDS, Schedule
from roboreg_core.sweeps.points import ClassCounts, Point

IMAGES = 200
DENSE = 0.92
# How much a block suffers; stage 1 most for its size, as measured networks do.
WEIGHTS = np.array([0.05, 0.02, 0.04, 0.05, 0.03, 0.03, 0.06, 0.05, 0.09])


def accuracy_of(counts: np.ndarray, weights: np.ndarray = WEIGHTS) -> np.ndarray:
    """Accuracy (n,) of rows of counts (n, 9): falls with every cluster, faster at few, and worse where many are cut."""
    lost = ((np.log(np.array(BOUNDS)) - np.log(counts)) ** 2 * weights).sum(1)
    odds = np.log(DENSE / (1 - DENSE)) - lost - 0.05 * lost**2
    return np.asarray(1 / (1 + np.exp(-odds)))


def seen_of(schedule: Schedule, weights: np.ndarray = WEIGHTS, images: int = IMAGES) -> ClassCounts:
    """What such a network sees of so many images a class; class 3 suffers twice, others less."""
    accuracy = float(accuracy_of(np.array([schedule.clusters]), weights)[0])
    lost = DENSE - accuracy
    shares = [DENSE - lost * (1.9 if label == 3 else 0.9) for label in range(10)]
    return ClassCounts(right=tuple(round(images * max(0.0, share)) for share in shares), images=(images,) * 10)


def point_of(schedule: Schedule, weights: np.ndarray = WEIGHTS) -> Point:
    """The same as a point."""
    return Point(schedule=schedule, kept=schedule, validation=seen_of(schedule, weights))


def points_of_curves(weights: np.ndarray = WEIGHTS) -> list[Point]:
    """The points that sensitivity curves need."""
    return [point_of(schedule, weights) for schedule in plan().schedules()]
