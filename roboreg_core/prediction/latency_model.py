"""Latency estimated for schedules that were never timed, from networks that were: a straight line in each stage's MACs.

It is an estimate of this machine's, as good as the timings are alike. What a search answers is timed before it is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from roboreg_core.models.linear_costs import LinearCost, linear_cost
from roboreg_core.schedules.schedule import BLOCKS_PER_STAGE, BOUNDS, N_BLOCKS, Schedule
from roboreg_core.sweeps.points import Point

# With fewer timed schedules the stages are not told apart, and with fewer than two nothing is said.
FEWEST_BY_STAGE = 8
FEWEST = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class LatencyModel:
    """Seconds for a batch of 256 images as a line, from `n` timed schedules.

    Attributes:
        line: what to estimate by.
        n: how many schedules were timed.
        error: mean relative error on each of them when it is left out; None where too few are left.
    """

    line: LinearCost
    n: int
    error: float | None


def fit_latency_model(points: Iterable[Point]) -> LatencyModel | None:
    """A line through the latencies of points, several of a schedule by their median; None for too few schedules."""
    timed: dict[Schedule, list[float]] = {}
    for point in points:
        if point.latency is not None:
            timed.setdefault(point.kept, []).append(point.latency)
    if len(timed) < FEWEST:
        return None
    counts = np.array([schedule.clusters for schedule in timed])
    seconds = np.array([float(np.median(several)) for several in timed.values()])
    return LatencyModel(line=_line(counts, seconds), n=len(timed), error=_left_out(counts, seconds))


def _line(counts: np.ndarray, seconds: np.ndarray) -> LinearCost:
    """Least squares of relative errors with no coefficient below zero: more work never takes less time."""
    from scipy.optimize import nnls

    groups = _groups(len(seconds))
    macs = linear_cost("macs").each
    worked = np.stack([(counts * macs * group).sum(1) for group in groups], axis=1)
    scale = float(np.array(BOUNDS) @ macs)
    inputs = np.column_stack([np.ones(len(seconds)), worked / scale])
    found = nnls(inputs / seconds[:, None], np.ones(len(seconds)))[0]
    each = macs / scale * sum(rate * group for rate, group in zip(found[1:], groups, strict=True))
    return LinearCost(base=float(found[0]), each=np.asarray(each))


def _groups(n: int) -> Sequence[np.ndarray]:
    """Which blocks share a rate, as masks (9,): those of a stage, or all where few schedules were timed."""
    if n < FEWEST_BY_STAGE:
        return [np.ones(N_BLOCKS)]
    stage = np.arange(N_BLOCKS) // BLOCKS_PER_STAGE
    return [(stage == number).astype(float) for number in range(N_BLOCKS // BLOCKS_PER_STAGE)]


def _left_out(counts: np.ndarray, seconds: np.ndarray) -> float | None:
    if len(seconds) <= FEWEST:
        return None
    errors = []
    for place in range(len(seconds)):
        others = np.arange(len(seconds)) != place
        told = float(_line(counts[others], seconds[others])(counts[place][None])[0])
        errors.append(abs(told / seconds[place] - 1))
    return float(np.mean(errors))
