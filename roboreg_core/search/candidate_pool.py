"""The schedules that a search chooses from, made from an outlook and the kinds of cost alone, not from amounts.

From the dense network downwards by the step that loses least for what it saves; beside it the uniform schedules; then
each of them bettered at its own cost by exchanges, clusters moved from one block to another. All are looked at at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from roboreg_core.models.linear_costs import LinearCost
from roboreg_core.schedules.schedule import BOUNDS, N_BLOCKS
from roboreg_core.search.limits import uniform_counts
from roboreg_core.search.surrogate import Surrogate

# Clusters that a step on the way down takes, and that an exchange adds.
DOWN = (1, 2, 4, 8)
UP = (1, 2, 4, 8)
# Exchanges one after another; few schedules still gain after so many.
ROUNDS = 12
_BOUNDS = np.array(BOUNDS, dtype=np.int64)
# A schedule as one number: its counts as digits, the first block's the highest, so that numbers sort as counts do.
_BASE = max(BOUNDS) + 1
_DIGITS = np.array([_BASE**place for place in reversed(range(N_BLOCKS))], dtype=np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class CandidatePool:
    """Different schedules, in the order of their counts: rows of counts, int (n, 9), and accuracy, float (n,)."""

    counts: np.ndarray
    accuracy: np.ndarray


def gather(outlook: Surrogate, lines: Sequence[LinearCost]) -> CandidatePool:
    """Look at many schedules that are good for what they cost by these lines."""
    level = np.unique(
        np.concatenate([uniform_counts(), *(_path_down(outlook, _mixed(lines, each)) for each in _mixes(len(lines)))]),
        axis=0,
    )
    caps = np.stack([line(level) for line in lines], axis=1)
    accuracy = outlook.accuracy(level)
    looked_at, predicted = [level], [accuracy]
    for _ in range(ROUNDS):
        tried, source = exchanges(level, caps, lines)
        found = outlook.accuracy(tried)
        looked_at.append(tried)
        predicted.append(found)
        level, caps, accuracy = _best_of(tried, found, source, (level, caps, accuracy))
        if not len(level):
            break
    codes, first = np.unique(np.concatenate(looked_at) @ _DIGITS, return_index=True)
    return CandidatePool(counts=_decoded(codes), accuracy=np.concatenate(predicted)[first])


def _decoded(codes: np.ndarray) -> np.ndarray:
    return codes[:, None] // _DIGITS % _BASE


def _mixes(n: int) -> list[tuple[float, ...]]:
    """Weights of `n` costs: each alone, and all alike where there are several."""
    alone = [tuple(float(i == j) for j in range(n)) for i in range(n)]
    return alone if n == 1 else [*alone, (1 / n,) * n]


def _mixed(lines: Sequence[LinearCost], weights: Sequence[float]) -> np.ndarray:
    """What a cluster of each block costs (9,), as a share of all that can be saved, costs weighted."""
    each = sum(
        weight * line.each / float(line.each @ (_BOUNDS - 1)) for line, weight in zip(lines, weights, strict=True)
    )
    return np.asarray(each)


def _path_down(outlook: Surrogate, each: np.ndarray) -> np.ndarray:
    """Schedules (n, 9) from dense to one cluster a block, step by step what loses least for what it saves."""
    moves = np.concatenate([-step * np.eye(N_BLOCKS, dtype=np.int64) for step in DOWN])
    saved = -(moves @ each)
    now = _BOUNDS
    path = [now]
    while (now > 1).any():
        options = now + moves
        fine = (options >= 1).all(1)
        accuracy = outlook.accuracy(np.concatenate([now[None], options[fine]]))
        now = options[fine][int(np.argmin((accuracy[0] - accuracy[1:]) / np.maximum(saved[fine], 1e-12)))]
        path.append(now)
    return np.array(path)


def exchanges(level: np.ndarray, caps: np.ndarray, lines: Sequence[LinearCost]) -> tuple[np.ndarray, np.ndarray]:
    """Every exchange of each schedule that keeps its caps: counts (n, 9), and the row of `level` it comes from (n,).

    Clusters are added to one block, and as many go from another as pay for them; none where the caps leave room.
    `level` holds counts (m, 9), `caps` (m, n_costs) what each may cost.
    """
    made, source = [], []
    rows = np.arange(len(level))
    for up, step, down in itertools.product(range(N_BLOCKS), UP, range(N_BLOCKS)):
        tried = level.copy()
        tried[:, up] += step
        over = np.stack([line(tried) for line in lines], axis=1) - caps
        price = np.array([max(line.each[down], 1e-12) for line in lines])
        fewer = np.ceil(np.maximum(over, 0.0) / price - 1e-9).max(1)
        pays = fewer == 0 if up == down else fewer < tried[:, down]
        tried[:, down] -= np.where(pays, fewer, 0).astype(np.int64)
        fine = pays & (tried[:, up] <= BOUNDS[up])
        made.append(tried[fine])
        source.append(rows[fine])
    return np.concatenate(made), np.concatenate(source)


def _best_of(
    tried: np.ndarray, found: np.ndarray, source: np.ndarray, before: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts, caps and accuracy after the best exchange of each schedule; those that gain by none are left out."""
    _, caps, accuracy = before
    order = np.lexsort((-found, source))
    rows, first = np.unique(source[order], return_index=True)
    best = order[first]
    gained = found[best] > accuracy[rows] + 1e-9
    best, rows = best[gained], rows[gained]
    # Several schedules with one cap may come together in one.
    keep = np.unique(np.concatenate([tried[best], caps[rows]], axis=1), axis=0, return_index=True)[1]
    return tried[best][keep], caps[rows][keep], found[best][keep]
