"""Pareto front of cost and accuracy."""

from collections.abc import Sequence

import numpy as np


def pareto_front(costs: Sequence[float], accuracies: Sequence[float]) -> np.ndarray:
    """Bool (n,): True for networks that no other one surpasses in cost and accuracy."""
    cost, accuracy = np.asarray(costs, dtype=np.float64), np.asarray(accuracies, dtype=np.float64)
    order = np.lexsort((-accuracy, cost))
    cost, accuracy = cost[order], accuracy[order]
    cheapest_equal = np.searchsorted(cost, cost)  # of the networks with the same cost, the most accurate comes first
    best_cheaper = np.concatenate([[-np.inf], np.maximum.accumulate(accuracy)])[cheapest_equal]
    front = np.empty(len(order), dtype=bool)
    front[order] = (accuracy == accuracy[cheapest_equal]) & (accuracy > best_cheaper)
    return front
