"""Costs as linear functions of the filter counts: the costs of many schedules are one matrix product."""

from dataclasses import dataclass

import numpy as np

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import Schedule

# Costs given by the schedule, unlike measured latency.
COUNTED = ("parameters", "macs", "size_bytes")


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearCost:
    """A cost as a linear function of the filter counts, `base + counts @ each`.

    Attributes:
        base: constant term.
        each: cost per filter of each block, float (n_blocks,).
    """

    base: float
    each: np.ndarray

    def __call__(self, counts: np.ndarray) -> np.ndarray:
        """Costs (n,) of schedules with filter counts (n, n_blocks)."""
        return self.base + counts @ self.each


def smallest_schedule(architecture: Architecture = RESNET20) -> Schedule:
    """The schedule with one filter per block."""
    return Schedule((1,) * architecture.n_blocks, architecture)


def linear_cost(kind: str, architecture: Architecture = RESNET20) -> LinearCost:
    """Exact linear function for the cost `kind`, one of `COUNTED`."""
    schedule = smallest_schedule(architecture)
    smallest = getattr(cost(schedule), kind)
    each = [getattr(cost(schedule.replace(block, 2)), kind) - smallest for block in architecture.blocks]
    return LinearCost(base=float(smallest - sum(each)), each=np.array(each, dtype=np.float64))
