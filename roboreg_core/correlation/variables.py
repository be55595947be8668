"""Variables of correlations: settings (filter counts) and measurements, as columns of a table of points.

The settings are the counts of all blocks, or the stage widths `i`, `j`, `k`: counts divided by a quarter of the stage's
filters. The measurements are accuracies, parameters, MACs and latency.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import SpecError
from roboreg_core.sweeps.grid import BLOCKS, STAGES
from roboreg_core.sweeps.points import block_names, is_block

if TYPE_CHECKING:
    import pandas as pd

STAGE_NAMES = ("i", "j", "k")
ACCURACIES = ("pruned validation", "pruned test", "tuned validation", "tuned test")
MEASURED = (*ACCURACIES, "parameters", "macs", "latency")
# Main accuracy among several: the last stage's, on test images.
_MAIN = ("tuned test", "pruned test", "tuned validation", "pruned validation")
_WORDS = {
    **{name: f"stage {stage} ({name})" for stage, name in enumerate(STAGE_NAMES, start=1)},
    "pruned validation": "pruned, validation",
    "pruned test": "pruned, test",
    "tuned validation": "fine-tuned, validation",
    "tuned test": "fine-tuned, test",
    "parameters": "parameters",
    "macs": "MACs",
    "latency": "latency",
}


def words(name: str) -> str:
    """A variable's name as shown, e.g. `stage 1 (i)` for `i`; names of blocks are unchanged."""
    return _WORDS.get(name, name)


def architecture_of(table: pd.DataFrame) -> Architecture:
    """The architecture of all schedules in a table of points; ResNet-20 for an empty table.

    Raises `SpecError`: the points are of more than one architecture.
    """
    found = sorted(set(table["architecture"]))
    if len(found) > 1:
        names = ", ".join(each.label for each in found)
        raise SpecError(f"points must be of one architecture, got {names}; choose the points of one network")
    return found[0] if found else RESNET20


def kind_of(table: pd.DataFrame) -> str:
    """`stages` if all schedules of a table of points have equal counts within each stage, else `blocks`."""
    return STAGES if _uneven(table) is None else BLOCKS


def columns(table: pd.DataFrame, variables: str = "") -> pd.DataFrame:
    """Select the variables of a table of points, one row per point.

    Columns: the settings (`i`, `j`, `k` or `block 1` to the last block), `MEASURED`, `seed`, `schedule` and `record`.

    Args:
        table: points from `sweeps.points.frame`.
        variables: the settings, `stages` or `blocks`; empty for `kind_of(table)`.

    Raises `SpecError`: `variables` is none of these, or `stages` and a schedule has different counts within a stage.
    """
    kind = variables or kind_of(table)
    if kind not in (STAGES, BLOCKS):
        raise SpecError(f"variables must be {STAGES} or {BLOCKS}, got {kind!r}")
    uneven = _uneven(table) if kind == STAGES else None
    if uneven is not None:
        raise SpecError(f"i, j, k need equal counts in all blocks of each stage, got {uneven}; use the blocks instead")
    architecture = architecture_of(table)
    names = block_names(architecture)
    if kind == STAGES:
        firsts = names[:: architecture.blocks_per_stage]
        units = [width // 4 for width in architecture.stage_widths]
        settings = {name: table[first] / unit for name, first, unit in zip(STAGE_NAMES, firsts, units, strict=True)}
    else:
        settings = {name: table[name] for name in names}
    numbers = table[[*MEASURED]].assign(**settings).astype(float)
    return numbers[[*settings, *MEASURED]].join(table[["seed", "schedule", "record"]])


def by_schedule(points: pd.DataFrame) -> pd.DataFrame:
    """Average a frame from `columns` over the seeds of each schedule; the index is `schedule`."""
    ordered = points.sort_values(["schedule", "seed", "record"])
    return ordered.drop(columns=["seed", "record"]).groupby("schedule").mean()


def settings_of(names: Sequence[str]) -> tuple[str, ...]:
    """Those of `names` that are settings: widths of stages (`i`, `j`, `k`) or filter counts of blocks."""
    return tuple(name for name in names if name in STAGE_NAMES or is_block(name))


def main_accuracy(names: Sequence[str]) -> str:
    """The accuracy in `names` to analyse: test before validation, then fine-tuned before pruned; empty for none."""
    return next((name for name in _MAIN if name in names), "")


def _uneven(table: pd.DataFrame) -> str | None:
    """First schedule with different counts within a stage."""
    architecture = architecture_of(table)
    stages = len(table), len(STAGE_NAMES), architecture.blocks_per_stage
    counts = table[[*block_names(architecture)]].to_numpy().reshape(stages)
    uneven = (counts != counts[:, :, :1]).any(axis=(1, 2))
    return str(table["schedule"].to_numpy()[uneven][0]) if uneven.any() else None
