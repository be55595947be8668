"""Which networks no other one beats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def pareto_front(costs: Sequence[float], accuracies: Sequence[float]) -> np.ndarray:
    """Bool (n,): True where no other costs at most as much and is at least as accurate, one of both strictly."""
    cost, accuracy = np.asarray(costs, dtype=np.float64), np.asarray(accuracies, dtype=np.float64)
    no_worse = (cost[:, None] <= cost) & (accuracy[:, None] >= accuracy)
    better = (cost[:, None] < cost) | (accuracy[:, None] > accuracy)
    return np.asarray(~(no_worse & better).any(0))
