"""Candidate pool of a search: schedules that are accurate for their cost, whatever the limits' amounts.

Start from the uniform schedules and a greedy path from the dense network to one filter per block, then improve each
schedule at constant cost by moving filters between blocks.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from roboreg_core.models.linear_costs import LinearCost
from roboreg_core.schedules.schedule import BOUNDS, N_BLOCKS
from roboreg_core.search.limits import uniform_counts
from roboreg_core.search.surrogate import Surrogate

# Filters removed by one step of the greedy path, and added by one exchange.
STEPS = (1, 2, 4, 8)
# Successive exchanges; hardly any schedule improves after this many.
ROUNDS = 12
_BOUNDS = np.array(BOUNDS, dtype=np.int64)
# Encode a schedule as one integer that sorts as the counts do.
_BASE = max(BOUNDS) + 1
_DIGITS = np.array([_BASE**place for place in reversed(range(N_BLOCKS))], dtype=np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class CandidatePool:
    """Distinct schedules in lexicographic order.

    Attributes:
        counts: filters kept, int (n, 9).
        accuracy: predicted accuracy, 0..1, float (n,).
    """

    counts: np.ndarray
    accuracy: np.ndarray


def build_pool(surrogate: Surrogate, costs: Sequence[LinearCost]) -> CandidatePool:
    """Collect schedules that are accurate for their cost, for each kind of cost and for the mean of the kinds."""
    paths = [_greedy_path(surrogate, _weighted_cost(costs, weights)) for weights in _weights(len(costs))]
    level = np.unique(np.concatenate([uniform_counts(), *paths]), axis=0)
    caps = np.stack([cost(level) for cost in costs], axis=1)
    accuracy = surrogate.accuracy(level)
    all_counts, all_accuracy = [level], [accuracy]
    for _ in range(ROUNDS):
        changed, source = exchanges(level, caps, costs)
        predicted = surrogate.accuracy(changed)
        all_counts.append(changed)
        all_accuracy.append(predicted)
        level, caps, accuracy = _best_exchanges(changed, predicted, source, caps, accuracy)
        if not len(level):
            break
    codes, first = np.unique(np.concatenate(all_counts) @ _DIGITS, return_index=True)
    return CandidatePool(counts=codes[:, None] // _DIGITS % _BASE, accuracy=np.concatenate(all_accuracy)[first])


def _weights(n: int) -> list[tuple[float, ...]]:
    """Weights of `n` costs: each cost alone, and the mean of several."""
    alone = [tuple(float(i == j) for j in range(n)) for i in range(n)]
    return alone if n == 1 else [*alone, (1 / n,) * n]


def _weighted_cost(costs: Sequence[LinearCost], weights: Sequence[float]) -> np.ndarray:
    """Weighted cost of one filter in each block (9,), every cost as a share of its largest possible saving."""
    each = sum(
        weight * cost.each / float(cost.each @ (_BOUNDS - 1)) for cost, weight in zip(costs, weights, strict=True)
    )
    return np.asarray(each)


def _greedy_path(surrogate: Surrogate, each: np.ndarray) -> np.ndarray:
    """Schedules (n, 9) from dense to one filter per block; every step has the least loss per cost saved."""
    moves = np.concatenate([-step * np.eye(N_BLOCKS, dtype=np.int64) for step in STEPS])
    saved = -(moves @ each)
    current = _BOUNDS
    path = [current]
    while (current > 1).any():
        options = current + moves
        valid = (options >= 1).all(1)
        accuracy = surrogate.accuracy(np.concatenate([current[None], options[valid]]))
        current = options[valid][int(np.argmin((accuracy[0] - accuracy[1:]) / np.maximum(saved[valid], 1e-12)))]
        path.append(current)
    return np.array(path)


def exchanges(level: np.ndarray, caps: np.ndarray, costs: Sequence[LinearCost]) -> tuple[np.ndarray, np.ndarray]:
    """Move filters between two blocks in every possible way within the caps.

    Filters are added to one block and as few as necessary removed from another, none if the caps leave room.

    Args:
        level: counts (m, 9).
        caps: maximum costs (m, n_costs).
        costs: the kinds of cost.

    Returns:
        Changed counts (n, 9), and the row of `level` that each comes from (n,).
    """
    made, source = [], []
    rows = np.arange(len(level))
    for up, step, down in itertools.product(range(N_BLOCKS), STEPS, range(N_BLOCKS)):
        changed = level.copy()
        changed[:, up] += step
        over = np.stack([cost(changed) for cost in costs], axis=1) - caps
        saving = np.array([max(cost.each[down], 1e-12) for cost in costs])
        removed = np.ceil(np.maximum(over, 0.0) / saving - 1e-9).max(1)
        possible = removed == 0 if up == down else removed < changed[:, down]
        changed[:, down] -= np.where(possible, removed, 0).astype(np.int64)
        valid = possible & (changed[:, up] <= BOUNDS[up])
        made.append(changed[valid])
        source.append(rows[valid])
    return np.concatenate(made), np.concatenate(source)


def _best_exchanges(
    changed: np.ndarray, predicted: np.ndarray, source: np.ndarray, caps: np.ndarray, accuracy: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts, caps and accuracy after the best exchange of each schedule, without those that do not improve."""
    order = np.lexsort((-predicted, source))
    rows, first = np.unique(source[order], return_index=True)
    best = order[first]
    improved = predicted[best] > accuracy[rows] + 1e-9
    best, rows = best[improved], rows[improved]
    # Several schedules with equal caps can reach the same one.
    distinct = np.unique(np.concatenate([changed[best], caps[rows]], axis=1), axis=0, return_index=True)[1]
    return changed[best][distinct], caps[rows][distinct], predicted[best][distinct]
