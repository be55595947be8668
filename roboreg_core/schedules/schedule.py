"""A schedule: the number of filters kept in each residual block.

Pruning changes the width between a block's two convolutions only. A schedule therefore holds one integer per block,
between 1 and the block's number of filters in the dense network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from types import MappingProxyType
from typing import Any

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import ScheduleError
from roboreg_core.user_input import parse_integer

# Share of the filters that each preset keeps, as (numerator, denominator).
_SHARES = {"three-quarters": (3, 4), "moderate": (1, 2), "quarter": (1, 4)}
_AGGRESSIVE = 2


@dataclass(frozen=True)
class Schedule:
    """Filters kept per block of a network with this architecture, first block first.

    Raises `ScheduleError`: a count is missing, or not an integer within its block's bounds.
    """

    counts: tuple[int, ...]
    architecture: Architecture = RESNET20

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", tuple(self.counts))
        if len(self.counts) != self.architecture.n_blocks:
            raise ScheduleError(_wrong_length(len(self.counts), self.architecture))
        for block, (count, bound) in enumerate(zip(self.counts, self.bounds, strict=True), start=1):
            if not isinstance(count, int) or isinstance(count, bool):
                raise ScheduleError(f"filter count for block {block} must be an integer 1..{bound}, got {count!r}")
            if not 1 <= count <= bound:
                raise ScheduleError(f"filter count for block {block} must be 1..{bound}, got {count}")

    @classmethod
    def parse(cls, text: str, architecture: Architecture = RESNET20) -> Schedule:
        """Parse counts such as `8,8,8,16,16,16,32,32,32`, or a preset's name. Raises `ScheduleError`: it is neither."""
        name = text.strip().lower()
        if name in presets(architecture):
            return presets(architecture)[name]
        parts = [part for part in re.split(r"[,\s]+", name) if part]
        counts = (_integer(part, block, architecture) for block, part in enumerate(parts, start=1))
        return cls(tuple(counts), architecture)

    @classmethod
    def from_json(cls, value: Any, architecture: Architecture = RESNET20) -> Schedule:
        """Inverse of `to_json`."""
        if not isinstance(value, list):
            raise ScheduleError(f"a schedule is a list of {architecture.n_blocks} integers, got {type(value).__name__}")
        return cls(tuple(value), architecture)

    def to_json(self) -> list[int]:
        """The counts as a JSON list; the architecture is stored beside it, see `stored`."""
        return list(self.counts)

    @classmethod
    def from_stored(cls, value: Mapping[str, Any], name: str = "schedule") -> Schedule:
        """Schedule from a JSON object like that of `stored`, with the counts under the key `name`."""
        return cls.from_json(value[name], Architecture.from_json(value.get("architecture")))

    def stored(self) -> dict[str, Any]:
        """JSON object with the counts as `schedule` and, unless it is the default, the `architecture`."""
        return {"schedule": self.to_json(), **self.architecture.stored()}

    @property
    def bounds(self) -> tuple[int, ...]:
        """Number of filters of each block in the dense network."""
        return self.architecture.bounds

    @property
    def dense(self) -> Schedule:
        """The schedule of the same architecture that keeps every filter."""
        return dense_schedule(self.architecture)

    @property
    def name(self) -> str | None:
        """Name of the preset with the same counts; None if there is none."""
        return next((name for name, preset in presets(self.architecture).items() if preset.counts == self.counts), None)

    @property
    def is_dense(self) -> bool:
        """True if every filter is kept."""
        return self.counts == self.bounds

    @property
    def n_pruned(self) -> int:
        """Number of pruned blocks."""
        return sum(count < bound for count, bound in zip(self, self.bounds, strict=True))

    @property
    def label(self) -> str:
        """The preset's name, else `listed`."""
        return self.name or self.listed

    @property
    def listed(self) -> str:
        """The counts as text: `8,8,16`; in networks deeper than the default `8×9,16×9` for nine equal counts each."""
        if not self.architecture.is_deep:
            return str(self)
        return ",".join(f"{count}×{n}" if n > 1 else str(count) for count, n in self.runs)

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Runs of equal counts in neighbouring blocks of a stage, as (count, number of blocks), first block first."""
        stages = (
            self.counts[blocks[0] - 1 : blocks[-1]]
            for blocks in map(self.architecture.blocks_of, self.architecture.stages)
        )
        return [(count, len(list(same))) for stage in stages for count, same in groupby(stage)]

    def replace(self, block: int, count: int) -> Schedule:
        """Copy with another count for `block` (from 1). Raises `ScheduleError`: block or count is out of bounds."""
        if not 1 <= block <= len(self.counts):
            raise ScheduleError(f"block must be 1..{len(self.counts)}, got {block}")
        return Schedule((*self.counts[: block - 1], count, *self.counts[block:]), self.architecture)

    def check_within(self, available: Schedule) -> None:
        """Check that a network with the filters `available` can be pruned to this schedule.

        Raises `ScheduleError`: it is for another architecture, or a block of the network has fewer filters.
        """
        if self.architecture != available.architecture:
            raise ScheduleError(
                f"the schedule must be for this network ({available.architecture.label}), got one for "
                f"{self.architecture.label}; give the counts for this network"
            )
        for block, (most, count) in enumerate(zip(available, self, strict=True), start=1):
            if count > most:
                raise ScheduleError(
                    f"filter count for block {block} must be 1..{most}, the filters of this network, got {count}; "
                    "lower it or start from the dense network"
                )

    def shared_blocks(self, other: Schedule) -> int:
        """Number of first blocks in which both schedules have equal counts."""
        pairs = zip(self, other, strict=True)
        return next((depth for depth, (a, b) in enumerate(pairs) if a != b), len(self.counts))

    def __str__(self) -> str:
        return ",".join(str(count) for count in self.counts)

    def __iter__(self) -> Iterator[int]:
        return iter(self.counts)


def by_stage(counts: Iterable[int], architecture: Architecture = RESNET20) -> Schedule:
    """Schedule with one count per stage, e.g. `by_stage((8, 16, 32))`."""
    per_block = (count for count in counts for _ in range(architecture.blocks_per_stage))
    return Schedule(tuple(per_block), architecture)


def dense_schedule(architecture: Architecture = RESNET20) -> Schedule:
    """The schedule that keeps every filter."""
    return Schedule(architecture.bounds, architecture)


@lru_cache(maxsize=64)
def presets(architecture: Architecture = RESNET20) -> Mapping[str, Schedule]:
    """Preset schedules by name, largest first."""
    widths = architecture.stage_widths
    shares = {name: [max(1, width * up // down) for width in widths] for name, (up, down) in _SHARES.items()}
    counts = {
        "dense": widths,
        "minimal": [width - 1 for width in widths],
        **shares,
        "aggressive": [_AGGRESSIVE] * len(widths),
    }
    return MappingProxyType({name: by_stage(each, architecture) for name, each in counts.items()})


def _integer(text: str, block: int, architecture: Architecture) -> int:
    try:
        return parse_integer(text)
    except ValueError:
        bounds = "absent"
        if block <= architecture.n_blocks:
            bounds = f"an integer 1..{architecture.bounds[block - 1]}"
        names = ", ".join(presets(architecture))
        raise ScheduleError(
            f"filter count for block {block} must be {bounds}, got {text[:60]!r} (or name a preset: {names})"
        ) from None


def _wrong_length(count: int, architecture: Architecture) -> str:
    stages = "; ".join(
        f"blocks {architecture.blocks_of(stage)[0]}-{architecture.blocks_of(stage)[-1]}: 1..{width}"
        for stage, width in zip(architecture.stages, architecture.stage_widths, strict=True)
    )
    n_blocks = architecture.n_blocks
    where = f"block {count + 1} has none" if count < n_blocks else f"block {n_blocks + 1} does not exist"
    return f"a schedule must have {n_blocks} filter counts ({stages}), got {count}: {where}"
