"""A synthetic network with known losses, for which the best schedules are known."""

from __future__ import annotations

import numpy as np

from roboreg_core.architecture import RESNET20
from roboreg_core.prediction.sensitivity import plan
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.sweeps.points import ClassCounts, Point

IMAGES = 200
DENSE = 0.92
# Loss per block; highest in stage 1 relative to its size, as in measured networks.
WEIGHTS = np.array([0.05, 0.02, 0.04, 0.05, 0.03, 0.03, 0.06, 0.05, 0.09])


def accuracy_of(counts: np.ndarray, weights: np.ndarray = WEIGHTS) -> np.ndarray:
    """Accuracy (n,) of counts (n, 9): falls with every filter, faster at few, superadditively over blocks."""
    lost = ((np.log(np.array(RESNET20.bounds)) - np.log(counts)) ** 2 * weights).sum(1)
    odds = np.log(DENSE / (1 - DENSE)) - lost - 0.05 * lost**2
    return np.asarray(1 / (1 + np.exp(-odds)))


def seen_of(schedule: Schedule, weights: np.ndarray = WEIGHTS, images: int = IMAGES) -> ClassCounts:
    """Correct images of the synthetic network; class 3 loses about twice as much as the others."""
    accuracy = float(accuracy_of(np.array([schedule.counts]), weights)[0])
    lost = DENSE - accuracy
    shares = [DENSE - lost * (1.9 if label == 3 else 0.9) for label in range(10)]
    return ClassCounts(right=tuple(round(images * max(0.0, share)) for share in shares), images=(images,) * 10)


def point_of(schedule: Schedule, weights: np.ndarray = WEIGHTS) -> Point:
    """The network as a point."""
    return Point(schedule=schedule, kept=schedule, validation=seen_of(schedule, weights))


def points_of_curves(weights: np.ndarray = WEIGHTS) -> list[Point]:
    """Points for the sensitivity curves of all blocks."""
    return [point_of(schedule, weights) for schedule in plan().schedules()]
