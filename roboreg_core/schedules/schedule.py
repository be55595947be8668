"""A schedule: the number of filters kept in each residual block.

Pruning changes the width between a block's two convolutions only. A schedule therefore holds one integer per block,
between 1 and the block's number of filters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from roboreg_core.errors import ScheduleError
from roboreg_core.user_input import parse_integer

STAGE_WIDTHS = (16, 32, 64)
BLOCKS_PER_STAGE = 3
BOUNDS: tuple[int, ...] = tuple(width for width in STAGE_WIDTHS for _ in range(BLOCKS_PER_STAGE))
N_BLOCKS = len(BOUNDS)


@dataclass(frozen=True)
class Schedule:
    """Filters kept per block, first block first.

    Raises `ScheduleError`: a count is missing, or not an integer within its block's bounds.
    """

    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", tuple(self.counts))
        if len(self.counts) != N_BLOCKS:
            raise ScheduleError(_wrong_length(len(self.counts)))
        for block, (count, bound) in enumerate(zip(self.counts, BOUNDS, strict=True), start=1):
            if not isinstance(count, int) or isinstance(count, bool):
                raise ScheduleError(f"filter count for block {block} must be an integer 1..{bound}, got {count!r}")
            if not 1 <= count <= bound:
                raise ScheduleError(f"filter count for block {block} must be 1..{bound}, got {count}")

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Parse counts such as `8,8,8,16,16,16,32,32,32`, or a preset's name. Raises `ScheduleError`: it is neither."""
        name = text.strip().lower()
        if name in PRESETS:
            return PRESETS[name]
        parts = [part for part in re.split(r"[,\s]+", name) if part]
        return cls(tuple(_integer(part, block) for block, part in enumerate(parts, start=1)))

    @classmethod
    def from_json(cls, value: Any) -> Schedule:
        """Inverse of `to_json`."""
        if not isinstance(value, list):
            raise ScheduleError(f"a schedule is a list of {N_BLOCKS} integers, got {type(value).__name__}")
        return cls(tuple(value))

    def to_json(self) -> list[int]:
        """The counts as a JSON list."""
        return list(self.counts)

    @property
    def name(self) -> str | None:
        """Name of the equal preset, else None."""
        return next((name for name, preset in PRESETS.items() if preset == self), None)

    @property
    def is_dense(self) -> bool:
        """True if every filter is kept."""
        return self.counts == BOUNDS

    @property
    def n_pruned(self) -> int:
        """Number of pruned blocks."""
        return sum(count < bound for count, bound in zip(self, BOUNDS, strict=True))

    @property
    def label(self) -> str:
        """The preset's name, else the counts joined by commas."""
        return self.name or str(self)

    def replace(self, block: int, count: int) -> Schedule:
        """Copy with another count for `block` (1..9)."""
        if not 1 <= block <= N_BLOCKS:
            raise ScheduleError(f"block must be 1..{N_BLOCKS}, got {block}")
        return Schedule((*self.counts[: block - 1], count, *self.counts[block:]))

    def shared_blocks(self, other: Schedule) -> int:
        """Number of leading blocks with equal counts."""
        pairs = zip(self, other, strict=True)
        return next((depth for depth, (a, b) in enumerate(pairs) if a != b), N_BLOCKS)

    def __str__(self) -> str:
        return ",".join(str(count) for count in self.counts)

    def __iter__(self) -> Iterator[int]:
        return iter(self.counts)


def by_stage(counts: Iterable[int]) -> Schedule:
    """Schedule with one count per stage, e.g. `by_stage((8, 16, 32))`."""
    return Schedule(tuple(count for count in counts for _ in range(BLOCKS_PER_STAGE)))


PRESETS: dict[str, Schedule] = {
    "dense": by_stage(STAGE_WIDTHS),
    "minimal": by_stage((15, 31, 63)),
    "three-quarters": by_stage((12, 24, 48)),
    "moderate": by_stage((8, 16, 32)),
    "quarter": by_stage((4, 8, 16)),
    "aggressive": by_stage((2, 2, 2)),
}


def _integer(text: str, block: int) -> int:
    try:
        return parse_integer(text)
    except ValueError:
        bounds = f"an integer 1..{BOUNDS[block - 1]}" if block <= N_BLOCKS else "absent"
        presets = ", ".join(PRESETS)
        raise ScheduleError(
            f"filter count for block {block} must be {bounds}, got {text[:60]!r} (or name a preset: {presets})"
        ) from None


def _wrong_length(count: int) -> str:
    stages = "; ".join(
        f"blocks {first + 1}-{first + BLOCKS_PER_STAGE}: 1..{BOUNDS[first]}"
        for first in range(0, N_BLOCKS, BLOCKS_PER_STAGE)
    )
    where = f"block {count + 1} has none" if count < N_BLOCKS else f"block {N_BLOCKS + 1} does not exist"
    return f"a schedule must have {N_BLOCKS} filter counts ({stages}), got {count}: {where}"
