"""Sets of schedules to measure: a grid over stages or blocks, a list, or random schedules within bounds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import SpecError
from roboreg_core.schedules.schedule import Schedule, by_stage
from roboreg_core.seeding import numpy_generator

# More schedules would take weeks.
MAX_SCHEDULES = 5_000
STAGES, BLOCKS, LIST, RANDOM = "stages", "blocks", "list", "random"
KINDS = (STAGES, BLOCKS, LIST, RANDOM)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A set of schedules.

    Raises `SpecError`: it is empty, has more than `MAX_SCHEDULES` schedules, or has invalid counts.

    Attributes:
        kind: `stages` (every combination of one count per stage), `blocks` (of one count per block), `list`, or
            `random` (each block's count drawn uniformly between bounds).
        values: a list of counts per stage or per block; for `list` the schedules; for `random` a pair (lowest,
            highest) per block.
        n: number of random draws; duplicates are removed.
        seed: seed of the random draws.
        architecture: of the schedules.
    """

    kind: str
    values: tuple[tuple[int, ...], ...]
    n: int = 0
    seed: int = 0
    architecture: Architecture = RESNET20

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SpecError(f"a grid must be one of {', '.join(KINDS)}, got {self.kind!r}")
        values = tuple(tuple(each) for each in self.values)
        if self.kind in (STAGES, BLOCKS):
            values = tuple(tuple(sorted(set(each))) for each in values)
        object.__setattr__(self, "values", values)
        _CHECKS[self.kind](self)
        if self.kind == LIST:  # the order has no influence on the identity
            object.__setattr__(self, "values", tuple(sorted(set(values))))
        if self.size > MAX_SCHEDULES:
            raise SpecError(
                f"a grid may hold at most {MAX_SCHEDULES:,} schedules, got {self.size:,}: use fewer values per block"
            )

    @property
    def size(self) -> int:
        """Number of schedules (for `random`, of draws, duplicates included), counted without making them."""
        if self.kind in (STAGES, BLOCKS):
            return math.prod(len(each) for each in self.values)
        return self.n if self.kind == RANDOM else len(self.values)

    def schedules(self) -> list[Schedule]:
        """The distinct schedules in lexicographic order, so that neighbours share their first blocks."""
        return sorted(set(self._made()), key=lambda schedule: schedule.counts)

    def _made(self) -> Iterator[Schedule]:
        if self.kind == STAGES:
            yield from (by_stage(counts, self.architecture) for counts in itertools.product(*self.values))
        elif self.kind == BLOCKS:
            yield from (Schedule(counts, self.architecture) for counts in itertools.product(*self.values))
        elif self.kind == LIST:
            yield from (Schedule(counts, self.architecture) for counts in self.values)
        else:
            generator = numpy_generator(self.seed, "grid")
            low, high = zip(*self.values, strict=True)
            for counts in generator.integers(low, high, size=(self.n, len(low)), endpoint=True):
                yield Schedule(tuple(int(count) for count in counts), self.architecture)

    def to_json(self) -> dict[str, Any]:
        """JSON object from which `from_json` restores the grid: all attributes, the default architecture left out."""
        values = [list(each) for each in self.values]
        return {"kind": self.kind, "values": values, "n": self.n, "seed": self.seed, **self.architecture.stored()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Grid:
        """Inverse of `to_json`."""
        values = tuple(tuple(each) for each in value["values"])
        return cls(
            kind=value["kind"],
            values=values,
            n=value.get("n", 0),
            seed=value.get("seed", 0),
            architecture=Architecture.from_json(value.get("architecture")),
        )


def of_schedules(schedules: Sequence[Schedule]) -> Grid:
    """Grid of the kind `list` with these schedules. Raises `SpecError`: they are of several architectures, or none."""
    architectures = {schedule.architecture for schedule in schedules}
    if len(architectures) > 1:
        names = ", ".join(each.label for each in sorted(architectures))
        raise SpecError(f"schedules of a list must be for one architecture, got {names}; make one list for each")
    architecture = architectures.pop() if architectures else RESNET20
    return Grid(kind=LIST, values=tuple(schedule.counts for schedule in schedules), architecture=architecture)


def source_grid(architecture: Architecture = RESNET20) -> Grid:
    """The original project's grid: one, two or three quarters of the width for each stage."""
    values = tuple(tuple(width // 4 * each for each in (1, 2, 3)) for width in architecture.stage_widths)
    return Grid(kind=STAGES, values=values, architecture=architecture)


def _check_stages(grid: Grid) -> None:
    _check_counts(grid, "stage", grid.architecture.stage_widths)


def _check_blocks(grid: Grid) -> None:
    _check_counts(grid, "block", grid.architecture.bounds)


def _check_counts(grid: Grid, what: str, bounds: Sequence[int]) -> None:
    if len(grid.values) != len(bounds):
        raise SpecError(f"a grid over {what}s must have {len(bounds)} lists of counts, got {len(grid.values)}")
    for number, (counts, bound) in enumerate(zip(grid.values, bounds, strict=True), start=1):
        if not counts:
            raise SpecError(f"{what} {number} of the grid must have a count, got none")
        for count in counts:
            _check_count(count, f"filter count for {what} {number}", bound)


def _check_list(grid: Grid) -> None:
    if not grid.values:
        raise SpecError("a list of schedules must contain at least one schedule, got none")
    for counts in grid.values[: MAX_SCHEDULES + 1]:
        Schedule(counts, grid.architecture)


def _check_random(grid: Grid) -> None:
    if grid.n < 1:
        raise SpecError(f"at least 1 random schedule must be drawn, got {grid.n}")
    bounds = grid.architecture.bounds
    if len(grid.values) != len(bounds) or any(len(pair) != 2 for pair in grid.values):
        raise SpecError(
            f"random schedules need {len(bounds)} pairs of lowest and highest count, got {len(grid.values)}"
        )
    for block, ((low, high), bound) in enumerate(zip(grid.values, bounds, strict=True), start=1):
        _check_count(low, f"lowest count for block {block}", bound)
        _check_count(high, f"highest count for block {block}", bound)
        if low > high:
            raise SpecError(f"lowest count for block {block} must be at most the highest, got {low} and {high}")


def _check_count(count: object, what: str, bound: int) -> None:
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= bound:
        raise SpecError(f"{what} must be an integer 1..{bound}, got {count!r}")


_CHECKS: dict[str, Callable[[Grid], None]] = {
    STAGES: _check_stages,
    BLOCKS: _check_blocks,
    LIST: _check_list,
    RANDOM: _check_random,
}
