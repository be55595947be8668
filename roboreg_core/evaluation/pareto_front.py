"""Pareto front of cost and accuracy."""

from collections.abc import Sequence

import numpy as np


def pareto_front(costs: Sequence[float], accuracies: Sequence[float]) -> np.ndarray:
    """Mask (n,) of the Pareto-optimal networks, from the cost and accuracy of each.

    A network is optimal if no other is at least as accurate at no higher cost and better in one of the two.
    """
    cost, accuracy = np.asarray(costs, dtype=np.float64), np.asarray(accuracies, dtype=np.float64)
    order = np.lexsort((-accuracy, cost))
    cost, accuracy = cost[order], accuracy[order]
    cheapest_equal = np.searchsorted(cost, cost)  # of the networks with the same cost, the most accurate comes first
    best_cheaper = np.concatenate([[-np.inf], np.maximum.accumulate(accuracy)])[cheapest_equal]
    front = np.empty(len(order), dtype=bool)
    front[order] = (accuracy == accuracy[cheapest_equal]) & (accuracy > best_cheaper)
    return front
