"""Variables of correlations: settings (filter counts) and measurements, as columns of a table of points.

The settings are the counts of all blocks, or the stage widths `i`, `j`, `k`: counts divided by a quarter of the stage's
filters. The measurements are accuracies, parameters, MACs and latency.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from roboreg_core.errors import SpecError
from roboreg_core.schedules.schedule import BLOCKS_PER_STAGE, N_BLOCKS, STAGE_WIDTHS
from roboreg_core.sweeps.grid import BLOCKS, STAGES

if TYPE_CHECKING:
    import pandas as pd

STAGE_NAMES = ("i", "j", "k")
BLOCK_NAMES = tuple(f"block {block}" for block in range(1, N_BLOCKS + 1))
SETTINGS = {STAGES: STAGE_NAMES, BLOCKS: BLOCK_NAMES}
ACCURACIES = ("pruned validation", "pruned test", "tuned validation", "tuned test")
MEASURED = (*ACCURACIES, "parameters", "macs", "latency")
# Main accuracy among several: the last stage's, on test images.
_MAIN = ("tuned test", "pruned test", "tuned validation", "pruned validation")
WORDS = {
    **{name: f"stage {stage} ({name})" for stage, name in enumerate(STAGE_NAMES, start=1)},
    **{name: name for name in BLOCK_NAMES},
    "pruned validation": "pruned, validation",
    "pruned test": "pruned, test",
    "tuned validation": "fine-tuned, validation",
    "tuned test": "fine-tuned, test",
    "parameters": "parameters",
    "macs": "MACs",
    "latency": "latency",
}


def kind_of(table: pd.DataFrame) -> str:
    """`stages` if all schedules of a table of points have equal counts within each stage, else `blocks`."""
    return STAGES if _uneven(table) is None else BLOCKS


def columns(table: pd.DataFrame, variables: str = "") -> pd.DataFrame:
    """Select the variables of a table of points, one row per point.

    Columns: the settings (`i`, `j`, `k` or `block 1` to the last block), `MEASURED`, `seed`, `schedule` and `record`.

    Args:
        table: points from `sweeps.points.frame`.
        variables: `stages`, `blocks`, or empty for `kind_of(table)`.

    Raises `SpecError`: `variables` is none of these, or `stages` and a schedule has different counts within a stage.
    """
    kind = variables or kind_of(table)
    if kind not in SETTINGS:
        raise SpecError(f"variables must be {STAGES} or {BLOCKS}, got {kind!r}")
    uneven = _uneven(table) if kind == STAGES else None
    if uneven is not None:
        raise SpecError(f"i, j, k need equal counts in all blocks of each stage, got {uneven}; use the blocks instead")
    if kind == STAGES:
        firsts = BLOCK_NAMES[::BLOCKS_PER_STAGE]
        units = [width // 4 for width in STAGE_WIDTHS]
        settings = {name: table[first] / unit for name, first, unit in zip(STAGE_NAMES, firsts, units, strict=True)}
    else:
        settings = {name: table[name] for name in BLOCK_NAMES}
    numbers = table[[*MEASURED]].assign(**settings).astype(float)
    return numbers[[*settings, *MEASURED]].join(table[["seed", "schedule", "record"]])


def by_schedule(points: pd.DataFrame) -> pd.DataFrame:
    """Means over the seeds of each schedule, the index, of `points`, a frame of `columns`."""
    ordered = points.sort_values(["schedule", "seed", "record"])
    return ordered.drop(columns=["seed", "record"]).groupby("schedule").mean()


def settings_of(names: Sequence[str]) -> tuple[str, ...]:
    """The names of settings among `names`, i.e. of filter counts of stages or blocks."""
    return tuple(name for name in names if name in STAGE_NAMES or name in BLOCK_NAMES)


def main_accuracy(names: Sequence[str]) -> str:
    """Name of the main accuracy in `names`: fine-tuned before pruned, test before validation; empty for none."""
    return next((name for name in _MAIN if name in names), "")


def _uneven(table: pd.DataFrame) -> str | None:
    """First schedule with different counts within a stage."""
    counts = table[[*BLOCK_NAMES]].to_numpy().reshape(len(table), len(STAGE_NAMES), BLOCKS_PER_STAGE)
    uneven = (counts != counts[:, :, :1]).any(axis=(1, 2))
    return str(table["schedule"].to_numpy()[uneven][0]) if uneven.any() else None
