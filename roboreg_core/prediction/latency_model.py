"""Latency model: a linear function of each stage's MACs, fitted to timed networks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from roboreg_core.architecture import Architecture
from roboreg_core.models.linear_costs import LinearCost, linear_cost
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.sweeps.points import Point

# Timed schedules needed for a rate per stage, and for a fit at all.
FEWEST_BY_STAGE = 8
FEWEST = 2
# Most timed schedules that are left out in turn: each takes a fit to all others.
MOST_LEFT_OUT = 500


@dataclass(frozen=True, kw_only=True, eq=False)
class LatencyModel:
    """Model of the latency of a schedule's network.

    Attributes:
        line: seconds per batch of 256 images as a linear function of the filter counts.
        n: number of timed schedules.
        error: mean relative leave-one-out error (0.05 for 5 %), of at most `MOST_LEFT_OUT` evenly spaced schedules;
            None for too few.
    """

    line: LinearCost
    n: int
    error: float | None


def fit_latency_model(points: Iterable[Point]) -> LatencyModel | None:
    """Fit to the median latency of each timed schedule of one architecture; None for fewer than `FEWEST` schedules."""
    timed: dict[Schedule, list[float]] = {}
    for point in points:
        if point.latency is not None:
            timed.setdefault(point.kept, []).append(point.latency)
    if len(timed) < FEWEST:
        return None
    counts = np.array([schedule.counts for schedule in timed])
    seconds = np.array([float(np.median(several)) for several in timed.values()])
    architecture = next(iter(timed)).architecture
    line = _fit(counts, seconds, architecture)
    return LatencyModel(line=line, n=len(timed), error=_leave_one_out_error(counts, seconds, architecture))


def _fit(counts: np.ndarray, seconds: np.ndarray, architecture: Architecture) -> LinearCost:
    """Non-negative least squares of relative errors."""
    from scipy.optimize import nnls

    groups = _groups(len(seconds), architecture)
    macs = linear_cost("macs", architecture).each
    worked = np.stack([(counts * macs * group).sum(1) for group in groups], axis=1)
    scale = float(np.array(architecture.bounds) @ macs)
    inputs = np.column_stack([np.ones(len(seconds)), worked / scale])
    found = nnls(inputs / seconds[:, None], np.ones(len(seconds)))[0]
    each = macs / scale * sum(rate * group for rate, group in zip(found[1:], groups, strict=True))
    return LinearCost(base=float(found[0]), each=np.asarray(each))


def _groups(n: int, architecture: Architecture) -> Sequence[np.ndarray]:
    """Masks (n_blocks,) of the blocks that share a rate: those of a stage, or all for few timed schedules."""
    if n < FEWEST_BY_STAGE:
        return [np.ones(architecture.n_blocks)]
    stages = np.array([architecture.stage_of(block) for block in architecture.blocks])
    return [(stages == stage).astype(float) for stage in architecture.stages]


def _leave_one_out_error(counts: np.ndarray, seconds: np.ndarray, architecture: Architecture) -> float | None:
    if len(seconds) <= FEWEST:
        return None
    errors = []
    for place in np.unique(np.linspace(0, len(seconds) - 1, min(len(seconds), MOST_LEFT_OUT)).round().astype(int)):
        others = np.arange(len(seconds)) != place
        estimate = float(_fit(counts[others], seconds[others], architecture)(counts[place][None])[0])
        errors.append(abs(estimate / seconds[place] - 1))
    return float(np.mean(errors))
