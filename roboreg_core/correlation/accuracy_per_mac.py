"""Accuracy per MAC: percentage points gained per million MACs in each stage or block.

Ordinary least squares of accuracy on the MACs of each stage. A slope is an average over the measured schedules. As
accuracy saturates, residuals are heteroscedastic: intervals use HC3 (MacKinnon and White 1985) and Student's t.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from roboreg_core.architecture import Architecture
from roboreg_core.correlation.variables import (
    ACCURACIES,
    STAGE_NAMES,
    architecture_of,
    by_schedule,
    columns,
    main_accuracy,
)
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import block_macs
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.sweeps.grid import BLOCKS, STAGES
from roboreg_core.sweeps.points import block_names

if TYPE_CHECKING:
    import pandas as pd

MILLION = 1e6
# Residual degrees of freedom needed for an interval.
_SPARE = 2


@dataclass(frozen=True, kw_only=True)
class Slope:
    """Percentage points of accuracy gained per million MACs in one stage (`i`, `j`, `k`) or block.

    `low` to `high` is the 95 % interval of `value`.
    """

    name: str
    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """True if the 95 % interval excludes zero, so that the sign is significant."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> dict[str, Any]:
        """JSON object: `value`, `low`, `high`, and `is_clear` as `clear`; the name is left out."""
        return {"value": self.value, "low": self.low, "high": self.high, "clear": self.is_clear}


@dataclass(frozen=True, kw_only=True)
class AccuracyPerMac:
    """Accuracy per MAC of each stage or block.

    Attributes:
        accuracy: name of the regressed accuracy, a column of `sweeps.points.frame`.
        slopes: one per stage or block with varying MACs.
        explained: coefficient of determination (R squared), 0..1.
        schedules: number of schedules; seeds are averaged.
        notes: omitted stages or blocks, with the reason.
    """

    accuracy: str
    slopes: tuple[Slope, ...]
    explained: float
    schedules: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All attributes as a JSON object; `slopes` becomes `points_per_million_macs`, an object by stage or block."""
        return {
            "accuracy": self.accuracy,
            "points_per_million_macs": {slope.name: slope.to_json() for slope in self.slopes},
            "explained": self.explained,
            "schedules": self.schedules,
            "notes": list(self.notes),
        }


def per_mac(table: pd.DataFrame, *, by: str = STAGES) -> AccuracyPerMac:
    """Regress accuracy on the MACs of each stage or block, over the schedules of measured points.

    The accuracy is the measured one that `variables.main_accuracy` prefers.

    Args:
        table: points from `sweeps.points.frame`.
        by: `stages` or `blocks`, the regressors.

    Raises `SpecError`: no accuracy was measured, there are too few schedules, or their MACs are collinear.
    """
    if by not in (STAGES, BLOCKS):
        raise SpecError(f"accuracy per MAC is computed by {STAGES} or {BLOCKS}, got {by!r}")
    data = by_schedule(columns(table, BLOCKS))
    name = main_accuracy([each for each in ACCURACIES if data[each].notna().any()])
    if not name:
        raise SpecError(f"accuracy must be one of {', '.join(ACCURACIES)}, measured, got none")
    data = data[data[name].notna()]
    macs, names, notes = _macs(data, by, architecture_of(table))
    if len(data) < len(names) + 1 + _SPARE:
        raise SpecError(
            f"accuracy per MAC needs {len(names) + 1 + _SPARE} schedules for {len(names)} {by}, got {len(data)}; "
            "measure more"
        )
    slopes, explained = _regression(macs / MILLION, 100 * data[name].to_numpy(), names)
    return AccuracyPerMac(accuracy=name, slopes=slopes, explained=explained, schedules=len(data), notes=tuple(notes))


def _macs(data: pd.DataFrame, by: str, architecture: Architecture) -> tuple[NDArray[np.float64], list[str], list[str]]:
    """MACs (n, v) of each stage or block that varies, their names, and a note on the others."""
    names = list(block_names(architecture))
    schedules = (Schedule(tuple(row), architecture) for row in data[names].to_numpy().astype(int).tolist())
    macs = np.array([block_macs(schedule) for schedule in schedules], dtype=float)
    if by == STAGES:
        names = list(STAGE_NAMES)
        macs = macs.reshape(len(data), len(names), architecture.blocks_per_stage).sum(axis=2)
    macs = macs.reshape(len(data), len(names))
    varies = np.ptp(macs, axis=0) > 0 if len(data) else np.ones(len(names), dtype=bool)
    same = [name for name, each in zip(names, varies, strict=True) if not each]
    notes = [f"MACs do not vary, left out: {', '.join(same)}"] if same else []
    return macs[:, varies], [name for name, each in zip(names, varies, strict=True) if each], notes


def _regression(
    macs: NDArray[np.float64], accuracy: NDArray[np.float64], names: list[str]
) -> tuple[tuple[Slope, ...], float]:
    """Slopes of accuracy (n,) over MACs (n, v) with HC3 intervals, and R squared."""
    from scipy import stats

    centred = macs - macs.mean(axis=0)
    if np.linalg.matrix_rank(centred) < centred.shape[1]:
        raise SpecError(
            f"MACs of {', '.join(names)} must vary independently, but are collinear here; measure a grid over them"
        )
    inverse = np.linalg.inv(centred.T @ centred)
    deviations = accuracy - accuracy.mean()
    values = inverse @ centred.T @ deviations
    residuals = deviations - centred @ values
    leverage = 1 / len(macs) + np.einsum("nv,vw,nw->n", centred, inverse, centred)
    if (leverage > 1 - 1e-9).any():
        raise SpecError("each stage's MACs must vary in more than one schedule to have an interval; measure more")
    weighted = centred @ inverse * (residuals / (1 - leverage))[:, None]
    half = stats.t.ppf(0.975, len(macs) - len(names) - 1) * np.sqrt((weighted**2).sum(axis=0))
    total = float(deviations @ deviations)
    slopes = tuple(
        Slope(name=name, value=float(value), low=float(value - each), high=float(value + each))
        for name, value, each in zip(names, values, half, strict=True)
    )
    return slopes, 1 - float(residuals @ residuals) / total if total else 0.0
