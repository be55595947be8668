"""How sure a rank correlation is: Spearman's under weights, and its bootstrap interval (BCa; Efron 1987).

A resample is told by how often each row is in it. Its ranks follow from sums of these weights along the order of the
values, so that no resample is made or sorted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from roboreg_core.seeding import numpy_generator

if TYPE_CHECKING:
    from collections.abc import Iterator

RESAMPLES = 2_000
_TAILS = (0.025, 0.975)
# Rows are left out one by one for the acceleration, or where there are more than these in so many groups.
_GROUPS = 200
# Numbers held at a time, 8 bytes each.
_HELD = 4_000_000


def spearman(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's correlation of the columns of `values` (n, v) under each row of `weights` (r, n): (r, v, v).

    A weight is how often a row of `values` counts, 0 for not at all; ties share their mean rank. NaN where a column is
    constant under the weights.
    """
    found = [_spearman(values, part) for part in _parts(weights, values.shape[1])]
    return np.concatenate(found)


def bootstrap_interval(
    values: NDArray[np.float64], *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Spearman's correlation of the columns of `values` (n, v), and low and high end of its 95 % interval: (v, v) each.

    Bias-corrected and accelerated bootstrap over rows. Every interval holds its value. Where all rows are in the same
    or the opposite order the interval is the value; where most resamples hold a column that does not vary, -1 to 1.
    """
    from scipy import special

    n = len(values)
    value = spearman(values, np.ones((1, n)))[0]
    weights = numpy_generator(seed, "bootstrap").multinomial(n, np.full(n, 1 / n), size=resamples).astype(float)
    drawn = spearman(values, weights)
    known = ~np.isnan(drawn)
    share = _share_below(drawn, value, known)
    # Without a resample on one side there is no bias to correct for, but an end that none of them reaches.
    bias = special.ndtri(np.clip(share, 0.5 / resamples, 1 - 0.5 / resamples))
    groups = min(n, _GROUPS)
    left_out = (np.arange(n) % groups != np.arange(groups)[:, None]).astype(float)
    acceleration = _acceleration(spearman(values, left_out))
    ends = []
    for tail in _TAILS:
        shifted = bias + special.ndtri(tail)
        level = special.ndtr(bias + shifted / np.maximum(1 - acceleration * shifted, 1e-3))
        ends.append(_quantiles(drawn, level))
    low, high = np.minimum(ends[0], value), np.maximum(ends[1], value)
    few = known.mean(axis=0) < 0.5
    return value, np.where(few, -1.0, low), np.where(few, 1.0, high)


def _parts(weights: NDArray[np.float64], columns: int) -> Iterator[NDArray[np.float64]]:
    at_a_time = max(1, _HELD // (weights.shape[1] * columns))
    for start in range(0, len(weights), at_a_time):
        yield weights[start : start + at_a_time]


def _spearman(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    centre = weights.sum(axis=1, keepdims=True) / 2  # the mean of all ranks, whatever the ties
    ranks = np.stack([_ranks(column, weights) - centre for column in values.T], axis=1)
    scaled = ranks * np.sqrt(weights)[:, None, :]
    products = scaled @ scaled.transpose(0, 2, 1)
    lengths = np.sqrt(np.diagonal(products, axis1=1, axis2=2))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[np.float64] = products / (lengths[:, :, None] * lengths[:, None, :])
    found = np.clip(found, -1, 1)
    # Equal orders are 1, not 1 less rounding.
    return np.where(1 - np.abs(found) < 1e-12, np.sign(found), found)


def _ranks(column: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row's mean rank less a half, (r, n), of rows that count `weights` (r, n) times."""
    _, level = np.unique(column, return_inverse=True)
    order = np.argsort(level, kind="stable")
    starts = np.flatnonzero(np.diff(level[order], prepend=-1))
    totals = np.add.reduceat(weights[:, order], starts, axis=1)
    ranks: NDArray[np.float64] = (np.cumsum(totals, axis=1) - totals / 2)[:, level]
    return ranks


def _share_below(
    drawn: NDArray[np.float64], value: NDArray[np.float64], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The share of resamples below the value, those equal to it by half."""
    below = (drawn < value).sum(axis=0) + (drawn == value).sum(axis=0) / 2
    share: NDArray[np.float64] = below / np.maximum(known.sum(axis=0), 1)
    return share


def _acceleration(left_out: NDArray[np.float64]) -> NDArray[np.float64]:
    """How fast the spread changes with the value, from the correlations (n, v, v) with a row or group left out each."""
    away = np.nan_to_num(left_out.mean(axis=0) - left_out)
    squares = (away**2).sum(axis=0)
    found: NDArray[np.float64] = (away**3).sum(axis=0) / np.maximum(6 * squares**1.5, 1e-300)
    return np.where(squares > 0, found, 0.0)


def _quantiles(drawn: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quantile `level` (v, v) of the known ones among `drawn` (r, v, v); NaN sorts last."""
    ordered = np.sort(drawn, axis=0)
    last = np.maximum((~np.isnan(drawn)).sum(axis=0) - 1, 0)
    place = level * last
    below = np.floor(place).astype(int)
    rest = place - below
    at = np.take_along_axis(ordered, below[None], axis=0)[0]
    above = np.take_along_axis(ordered, np.minimum(below + 1, last)[None], axis=0)[0]
    found: NDArray[np.float64] = at + rest * (above - at)
    return found
