"""Costs that are linear in a schedule's counts, so that the cost of many schedules is one matrix product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import N_BLOCKS, Schedule

# Costs that follow from the schedule alone, unlike the measured latency.
COUNTED = ("parameters", "macs", "size_bytes")
SMALLEST = Schedule((1,) * N_BLOCKS)


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearCost:
    """A cost `base + counts @ each`.

    Attributes:
        base: the constant term.
        each: what one filter adds in each block, float (9,).
    """

    base: float
    each: np.ndarray

    def __call__(self, counts: np.ndarray) -> np.ndarray:
        """Cost (n,) of schedules whose filter counts are the rows of `counts` (n, 9)."""
        return self.base + counts @ self.each


def linear_cost(kind: str) -> LinearCost:
    """The exact linear form of one of `COUNTED`."""
    smallest = getattr(cost(SMALLEST), kind)
    each = [getattr(cost(SMALLEST.replace(block, 2)), kind) - smallest for block in range(1, N_BLOCKS + 1)]
    return LinearCost(base=float(smallest - sum(each)), each=np.array(each, dtype=np.float64))
