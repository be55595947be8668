"""What multiply-accumulates buy: how much accuracy a million more of them are worth in each stage, or block.

An ordinary least-squares plane of accuracy over the MACs of each stage. A slope is an average over what was measured:
accuracy saturates, so the points do not lie on the plane, and the intervals are made for that (HC3; MacKinnon and
White 1985) with Student's t.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from roboreg_core.correlation.variables import ACCURACIES, BLOCK_NAMES, STAGE_NAMES, by_schedule, columns, spoken_of
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import block_macs
from roboreg_core.schedules.schedule import BLOCKS_PER_STAGE, N_BLOCKS, Schedule
from roboreg_core.sweeps.grid import BLOCKS, STAGES

if TYPE_CHECKING:
    import pandas as pd

MILLION = 1e6
# Schedules more than there are slopes and a constant, so that an interval means something.
_SPARE = 2


@dataclass(frozen=True, kw_only=True)
class Slope:
    """Accuracy (points a million MACs) that MACs in one stage or block buy, and the ends of its 95 % interval."""

    name: str
    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> dict[str, Any]:
        """Its numbers and whether it is clear."""
        return {"value": self.value, "low": self.low, "high": self.high, "clear": self.is_clear}


@dataclass(frozen=True, kw_only=True)
class AccuracyPerMac:
    """A slope for each stage or block.

    Attributes:
        accuracy: which, a column of `analysis.points.frame`.
        explained: share of the accuracy's variance that the plane explains, 0..1 (R squared).
        schedules: how many it rests on; seeds of a schedule are averaged.
        notes: what was left out, and why.
    """

    accuracy: str
    slopes: tuple[Slope, ...]
    explained: float
    schedules: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A JSON object; slopes are points of accuracy a million MACs."""
        return {
            "accuracy": self.accuracy,
            "points_per_million_macs": {slope.name: slope.to_json() for slope in self.slopes},
            "explained": self.explained,
            "schedules": self.schedules,
            "notes": list(self.notes),
        }


def per_mac(table: pd.DataFrame, *, by: str = STAGES) -> AccuracyPerMac:
    """Accuracy that MACs buy, from `analysis.points.frame`.

    `by` is `stages` or `blocks`; the accuracy is that of `variables.spoken_of`. MACs are those of the counts asked for.
    Raises `SpecError` where the schedules cannot tell the stages' MACs apart.
    """
    if by not in (STAGES, BLOCKS):
        raise SpecError(f"MACs can be spent by {STAGES} or {BLOCKS}, got {by!r}")
    data = by_schedule(columns(table, BLOCKS))
    name = spoken_of([each for each in ACCURACIES if data[each].notna().any()])
    if not name:
        raise SpecError(f"accuracy must be one of {', '.join(ACCURACIES)}, measured, got none")
    data = data[data[name].notna()]
    macs, names, notes = _spent(data, by)
    if len(data) < len(names) + 1 + _SPARE:
        raise SpecError(
            f"accuracy per MAC needs {len(names) + 1 + _SPARE} schedules for {len(names)} {by}, got {len(data)}; "
            "measure more"
        )
    slopes, explained = _plane(macs / MILLION, 100 * data[name].to_numpy(), names)
    return AccuracyPerMac(accuracy=name, slopes=slopes, explained=explained, schedules=len(data), notes=tuple(notes))


def _spent(data: pd.DataFrame, by: str) -> tuple[NDArray[np.float64], list[str], list[str]]:
    """MACs of each stage or block that varies, (n, v), their names, and a note on those that do not."""
    counts = data[[*BLOCK_NAMES]].to_numpy().astype(int)
    macs = np.array([block_macs(Schedule(tuple(row))) for row in counts.tolist()], dtype=float).reshape(
        len(data), N_BLOCKS
    )
    names = list(BLOCK_NAMES)
    if by == STAGES:
        macs, names = macs.reshape(len(data), len(STAGE_NAMES), BLOCKS_PER_STAGE).sum(axis=2), list(STAGE_NAMES)
    varies = np.ptp(macs, axis=0) > 0 if len(data) else np.ones(len(names), dtype=bool)
    same = [name for name, each in zip(names, varies, strict=True) if not each]
    notes = [f"MACs do not vary, left out: {', '.join(same)}"] if same else []
    return macs[:, varies], [name for name, each in zip(names, varies, strict=True) if each], notes


def _plane(
    macs: NDArray[np.float64], accuracy: NDArray[np.float64], names: list[str]
) -> tuple[tuple[Slope, ...], float]:
    """Slopes of the plane of accuracy (n,) over MACs (n, v) with their intervals, and the share explained."""
    from scipy import stats

    centred = macs - macs.mean(axis=0)
    if np.linalg.matrix_rank(centred) < centred.shape[1]:
        raise SpecError(
            f"MACs of {', '.join(names)} must vary each by itself, but rise together here; measure a grid over them"
        )
    inverse = np.linalg.inv(centred.T @ centred)
    away = accuracy - accuracy.mean()
    values = inverse @ centred.T @ away
    wrong = away - centred @ values
    pull = 1 / len(macs) + np.einsum("nv,vw,nw->n", centred, inverse, centred)
    if (pull > 1 - 1e-9).any():
        raise SpecError("each stage's MACs must vary in more than one schedule to have an interval; measure more")
    weighted = centred @ inverse * (wrong / (1 - pull))[:, None]
    half = stats.t.ppf(0.975, len(macs) - len(names) - 1) * np.sqrt((weighted**2).sum(axis=0))
    total = float(away @ away)
    slopes = tuple(
        Slope(name=name, value=float(value), low=float(value - each), high=float(value + each))
        for name, value, each in zip(names, values, half, strict=True)
    )
    return slopes, 1 - float(wrong @ wrong) / total if total else 0.0
