"""Options of the verb `sweep` that select schedules."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from roboreg_core.architecture import Architecture
from roboreg_core.errors import ScheduleError, SpecError
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.sweeps import grid as grids
from roboreg_core.sweeps.grid import Grid
from roboreg_core.user_input import parse_integer, read_file

# Named grids: default name of the sweep, and the grid of an architecture.
GRIDS: dict[str, tuple[str, Callable[[Architecture], Grid]]] = {"source": ("source grid", grids.source_grid)}


@dataclass(frozen=True, kw_only=True)
class GridOptions:
    """Alternative options that select schedules; `low`, `high` and `random_seed` apply to `random` only."""

    schedules: Annotated[
        list[str] | None, typer.Argument(metavar="[SCHEDULE]...", help="Schedules to measure, in place of a grid.")
    ] = None
    grid: Annotated[str, typer.Option(help=f"Named grid: {', '.join(GRIDS)}.")] = ""
    stages: Annotated[
        str, typer.Option(metavar="COUNTS", help="All combinations of counts per stage, e.g. 4,8,12/8,16,24/16,32,48.")
    ] = ""
    blocks: Annotated[
        str, typer.Option(metavar="COUNTS", help="All combinations of counts per block: slash-separated lists.")
    ] = ""
    file: Annotated[
        Path | None,
        typer.Option("--list", metavar="FILE", help="File with one schedule per line, or from `schedules export`."),
    ] = None
    random: Annotated[int, typer.Option(metavar="N", help="Number of random schedules.")] = 0
    low: Annotated[str, typer.Option(help="Lowest counts of random schedules: a schedule or preset.")] = "quarter"
    high: Annotated[str, typer.Option(help="Highest counts of random schedules: a schedule or preset.")] = "dense"
    random_seed: Annotated[int, typer.Option(help="Seed of the random schedules.")] = 0

    def named(self, architecture: Architecture) -> tuple[str, Grid]:
        """Default name of the sweep, and the grid of the selected schedules of an architecture.

        Raises `SpecError`: not exactly one of the alternatives is used.
        """
        ways: dict[str, tuple[Any, Callable[[], tuple[str, Grid]]]] = {
            "schedules": (self.schedules, lambda: ("list", _parse_list(self.schedules or (), architecture))),
            "--grid": (self.grid, lambda: _named_grid(self.grid, architecture)),
            "--stages": (
                self.stages,
                lambda: (f"stages {self.stages}", _product(self.stages, grids.STAGES, architecture)),
            ),
            "--blocks": (
                self.blocks,
                lambda: (f"blocks {self.blocks}", _product(self.blocks, grids.BLOCKS, architecture)),
            ),
            "--list": (self.file, lambda: (self.file.stem if self.file else "", _read_list(self.file, architecture))),
            "--random": (self.random, lambda: (f"{self.random} random schedules", self._random(architecture))),
        }
        given = [way for way, (value, _) in ways.items() if value]
        if len(given) != 1:
            raise SpecError(f"schedules must be chosen by one of {', '.join(ways)}, got {', '.join(given) or 'none'}")
        return ways[given[0]][1]()

    def _random(self, architecture: Architecture) -> Grid:
        low, high = (Schedule.parse(text, architecture) for text in (self.low, self.high))
        bounds = tuple(zip(low, high, strict=True))
        return Grid(kind=grids.RANDOM, values=bounds, n=self.random, seed=self.random_seed, architecture=architecture)


def _named_grid(name: str, architecture: Architecture) -> tuple[str, Grid]:
    if name not in GRIDS:
        raise SpecError(f"a named grid must be one of {', '.join(GRIDS)}, got {name!r}")
    title, grid = GRIDS[name]
    return title, grid(architecture)


def _product(text: str, kind: str, architecture: Architecture) -> Grid:
    widths = architecture.stage_widths
    n, unit = {grids.STAGES: (len(widths), "stage"), grids.BLOCKS: (architecture.n_blocks, "block")}[kind]
    parts = text.split("/")
    if len(parts) != n:
        example = "/".join(str(width // 2) for width in widths)
        raise SpecError(f"counts must be {n} slash-separated lists, one per {unit} (as in {example}), got {len(parts)}")
    values = tuple(parse_integers(part, f"counts of a {unit}") for part in parts)
    return Grid(kind=kind, values=values, architecture=architecture)


def parse_integers(text: str, name: str) -> tuple[int, ...]:
    """Integers in a comma-separated text.

    Raises `SpecError`: a part is not an integer; the message begins with `name`.
    """
    try:
        return tuple(parse_integer(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise SpecError(f"{name} must be comma-separated integers, got {text!r}") from None


def _parse_list(texts: Iterable[str], architecture: Architecture) -> Grid:
    return grids.of_schedules([Schedule.parse(text, architecture) for text in texts])


def _read_list(path: Path | None, architecture: Architecture) -> Grid:
    from roboreg_core.schedules import schedule_file

    assert path is not None
    content = read_file(path, "a list of schedules", schedule_file.LARGEST_FILE, ScheduleError)
    if content.lstrip().startswith(b"{"):
        return grids.of_schedules([draft.schedule for draft in schedule_file.read(content)])
    lines = [line.partition("#")[0].strip() for line in content.decode(errors="replace").splitlines()]
    return _parse_list([line for line in lines if line], architecture)
