"""Pareto front of cost and accuracy."""

from collections.abc import Sequence

import numpy as np


def pareto_front(costs: Sequence[float], accuracies: Sequence[float]) -> np.ndarray:
    """Bool (n,): True for networks that no other one surpasses in cost and accuracy."""
    cost, accuracy = np.asarray(costs, dtype=np.float64), np.asarray(accuracies, dtype=np.float64)
    not_worse = (cost[:, None] <= cost) & (accuracy[:, None] >= accuracy)
    better = (cost[:, None] < cost) | (accuracy[:, None] > accuracy)
    return np.asarray(~(not_worse & better).any(0))
