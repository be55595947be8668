"""Which columns of measured points are looked at together: what was set, and what was measured.

What was set are the stages' widths `i`, `j`, `k` (a count divided by a quarter of its stage's filters, as the source
project has them) or the nine blocks' counts. What was measured are accuracies, parameters, MACs and latency.
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
# Which accuracy is spoken of where there are several: the last step's, on the images that report.
_SPOKEN_OF = ("tuned test", "pruned test", "tuned validation", "pruned validation")
WORDS = {
    **{name: f"stage {stage} ({name})" for stage, name in enumerate(STAGE_NAMES, start=1)},
    **{name: name for name in BLOCK_NAMES},
    "pruned validation": "pruned, validation",
    "pruned test": "pruned, test",
    "tuned validation": "tuned, validation",
    "tuned test": "tuned, test",
    "parameters": "parameters",
    "macs": "MACs",
    "latency": "latency",
}


def kind_of(table: pd.DataFrame) -> str:
    """`stages` where all blocks of a stage are equal in every schedule of `analysis.points.frame`, else `blocks`."""
    return STAGES if _uneven(table) is None else BLOCKS


def columns(table: pd.DataFrame, variables: str = "") -> pd.DataFrame:
    """A row a point: what was set (`stages`, `blocks`, or what `kind_of` says), `MEASURED`, seed, schedule and record.

    `table` is what `analysis.points.frame` makes. Raises `SpecError` where the schedules have no stages to speak of.
    """
    kind = variables or kind_of(table)
    if kind not in SETTINGS:
        raise SpecError(f"variables must be {STAGES} or {BLOCKS}, got {kind!r}")
    uneven = _uneven(table) if kind == STAGES else None
    if uneven is not None:
        raise SpecError(
            f"i, j, k need equal counts in the three blocks of each stage, got {uneven}; take the nine blocks instead"
        )
    if kind == STAGES:
        firsts = BLOCK_NAMES[::BLOCKS_PER_STAGE]
        units = [width // 4 for width in STAGE_WIDTHS]
        settings = {name: table[first] / unit for name, first, unit in zip(STAGE_NAMES, firsts, units, strict=True)}
    else:
        settings = {name: table[name] for name in BLOCK_NAMES}
    numbers = table[[*MEASURED]].assign(**settings).astype(float)
    return numbers[[*settings, *MEASURED]].join(table[["seed", "schedule", "record"]])


def by_schedule(points: pd.DataFrame) -> pd.DataFrame:
    """A row a schedule, whatever the order of `columns`' rows: means over its seeds, which are no schedules more."""
    ordered = points.sort_values(["schedule", "seed", "record"])
    return ordered.drop(columns=["seed", "record"]).groupby("schedule").mean()


def settings_of(names: Sequence[str]) -> tuple[str, ...]:
    """Those that were set."""
    return tuple(name for name in names if name in STAGE_NAMES or name in BLOCK_NAMES)


def spoken_of(names: Sequence[str]) -> str:
    """The accuracy to speak of among several: test before validation, tuned before pruned; empty for none."""
    return next((name for name in _SPOKEN_OF if name in names), "")


def _uneven(table: pd.DataFrame) -> str | None:
    """The first schedule with different counts in one stage."""
    counts = table[[*BLOCK_NAMES]].to_numpy().reshape(len(table), len(STAGE_NAMES), BLOCKS_PER_STAGE)
    uneven = (counts != counts[:, :, :1]).any(axis=(1, 2))
    return str(table["schedule"].to_numpy()[uneven][0]) if uneven.any() else None
