"""Candidate pool of a search: schedules that are accurate for their cost, whatever the limits' amounts.

Start from the uniform schedules and a greedy path from the dense network to one filter per block, then improve each
schedule at constant cost by moving filters between blocks.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from roboreg_core.models.linear_costs import LinearCost
from roboreg_core.search.limits import uniform_counts
from roboreg_core.search.surrogate import Surrogate

# Filters removed by one step of the greedy path, and added by one exchange.
STEPS = (1, 2, 4, 8)
# Successive exchanges; hardly any schedule improves after this many.
ROUNDS = 12
# In deeper networks than ResNet-20, blocks that filters are moved to, and from, in each schedule, and most schedules of
# a round: their product with the number of blocks is the memory needed.
BLOCKS_MOVED = 9
LARGEST_LEVEL = 600


@dataclass(frozen=True, kw_only=True, eq=False)
class CandidatePool:
    """Distinct schedules in lexicographic order.

    Attributes:
        counts: filters kept, int (n, n_blocks).
        accuracy: predicted accuracy, 0..1, float (n,).
    """

    counts: np.ndarray
    accuracy: np.ndarray


def build_pool(surrogate: Surrogate, costs: Sequence[LinearCost]) -> CandidatePool:
    """Collect schedules that are accurate for their cost, for each of `costs` and for the mean of all."""
    bounds = np.array(surrogate.architecture.bounds, dtype=np.int64)
    each = [_weighted_cost(costs, weights, bounds) for weights in _weights(len(costs))]
    paths = [_greedy_path(surrogate, cost, bounds) for cost in each]
    level = np.unique(np.concatenate([uniform_counts(surrogate.architecture), *paths]), axis=0)
    level = _thinned(level, each[-1], bounds)
    caps = np.stack([cost(level) for cost in costs], axis=1)
    accuracy = surrogate.accuracy(level)
    all_counts, all_accuracy = [level], [accuracy]
    for _ in range(ROUNDS):
        changed, source = exchanges(level, caps, costs, bounds, _promising_blocks(surrogate, level, each[-1], bounds))
        predicted = surrogate.accuracy(changed)
        all_counts.append(changed)
        all_accuracy.append(predicted)
        level, caps, accuracy = _best_exchanges(changed, predicted, source, caps, accuracy)
        if not len(level):
            break
    counts = np.concatenate(all_counts)
    first = distinct_rows(counts, int(bounds.max()))
    return CandidatePool(counts=counts[first], accuracy=np.concatenate(all_accuracy)[first])


def distinct_rows(counts: np.ndarray, largest: int) -> np.ndarray:
    """Indices of the first of each set of equal rows, in lexicographic order of the rows.

    `counts` is int (n, n_blocks) of values 0..`largest`.
    """
    base = largest + 1
    # As many counts as fit are encoded as one integer that sorts as they do.
    digits = max(1, int(62 / math.log2(base)))
    words = []
    for start in range(0, counts.shape[1], digits):
        part = counts[:, start : start + digits]
        words.append(part @ np.array([base**place for place in reversed(range(part.shape[1]))], dtype=np.int64))
    order = np.lexsort(words[::-1])
    differs = np.zeros(max(len(order) - 1, 0), dtype=bool)
    for word in words:
        differs |= np.diff(word[order]) != 0
    return order[np.concatenate([[True], differs])] if len(order) else order


def _thinned(level: np.ndarray, each: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """The schedules (n, n_blocks), evenly spaced in cost if there are more than `LARGEST_LEVEL` of many blocks."""
    if len(bounds) <= BLOCKS_MOVED or len(level) <= LARGEST_LEVEL:
        return level
    by_cost = np.argsort(level @ each, kind="stable")
    kept = by_cost[np.linspace(0, len(level) - 1, LARGEST_LEVEL).round().astype(int)]
    return level[np.sort(kept)]


def _promising_blocks(
    surrogate: Surrogate, level: np.ndarray, each: np.ndarray, bounds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each schedule the blocks to move filters to, and from: at most `BLOCKS_MOVED`, ascending.

    These are the blocks that gain most accuracy per cost by more filters, and that lose least by fewer. Returns two
    arrays of block indices, int (n, n_moved).
    """
    rows, n = len(level), len(bounds)
    if n <= BLOCKS_MOVED:
        every = np.tile(np.arange(n), (rows, 1))
        return every, every
    step = max(STEPS)
    accuracy = surrogate.accuracy(level)[:, None]
    found = []
    for moved in (np.minimum(level + step, bounds), np.maximum(level - step, 1)):
        changed = np.repeat(level[:, None], n, axis=1)
        changed[:, np.arange(n), np.arange(n)] = moved
        gained = surrogate.accuracy(changed.reshape(-1, n)).reshape(rows, n) - accuracy
        added = np.abs(moved - level)
        # A block that cannot change is the last choice.
        value = np.where(added > 0, gained / np.maximum(added * each, 1e-12), -np.inf)
        found.append(np.sort(np.argsort(-value, axis=1, kind="stable")[:, :BLOCKS_MOVED], axis=1))
    return found[0], found[1]


def _weights(n: int) -> list[tuple[float, ...]]:
    """Weights of `n` costs: each cost alone, and the mean of several."""
    alone = [tuple(float(i == j) for j in range(n)) for i in range(n)]
    return alone if n == 1 else [*alone, (1 / n,) * n]


def _weighted_cost(costs: Sequence[LinearCost], weights: Sequence[float], bounds: np.ndarray) -> np.ndarray:
    """Weighted cost of one filter in each block (n_blocks,), every cost as a share of its largest possible saving."""
    each = sum(
        weight * cost.each / float(cost.each @ (bounds - 1)) for cost, weight in zip(costs, weights, strict=True)
    )
    return np.asarray(each)


def _greedy_path(surrogate: Surrogate, each: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Schedules (n, n_blocks) from dense to one filter per block; every step has the least loss per cost saved."""
    moves = np.concatenate([-step * np.eye(len(bounds), dtype=np.int64) for step in STEPS])
    saved = -(moves @ each)
    current = bounds
    path = [current]
    while (current > 1).any():
        options = current + moves
        valid = (options >= 1).all(1)
        accuracy = surrogate.accuracy(np.concatenate([current[None], options[valid]]))
        current = options[valid][int(np.argmin((accuracy[0] - accuracy[1:]) / np.maximum(saved[valid], 1e-12)))]
        path.append(current)
    return np.array(path)


def exchanges(
    level: np.ndarray,
    caps: np.ndarray,
    costs: Sequence[LinearCost],
    bounds: np.ndarray,
    moved: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Move filters between two blocks in every possible way that keeps costs within `caps`.

    1, 2, 4 or 8 filters are added to one block and as few as necessary removed from another, none if costs stay within
    the caps anyway.

    Args:
        level: filter counts of m schedules, (m, n_blocks).
        caps: maximum costs of each schedule, (m, n_costs).
        costs: the kinds of cost.
        bounds: filters of each block in the dense network, (n_blocks,).
        moved: for each row the indices of blocks to move filters to, and from, (m, n_moved); None for all blocks.

    Returns:
        Changed counts (n, n_blocks), and the row of `level` that each comes from (n,).
    """
    made, source = [], []
    rows = np.arange(len(level))
    every = np.tile(np.arange(len(bounds)), (len(level), 1))
    ups, downs = (each.T for each in moved or (every, every))
    for up, step, down in itertools.product(ups, STEPS, downs):
        changed = level.copy()
        changed[rows, up] += step
        over = np.stack([cost(changed) for cost in costs], axis=1) - caps
        saving = np.stack([np.maximum(cost.each[down], 1e-12) for cost in costs], axis=1)
        removed = np.ceil(np.maximum(over, 0.0) / saving - 1e-9).max(1)
        possible = np.where(up == down, removed == 0, removed < changed[rows, down])
        changed[rows, down] -= np.where(possible, removed, 0).astype(np.int64)
        valid = possible & (changed[rows, up] <= bounds[up])
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
