"""Measure what docs/results.md lacks; `python -m benchmarks.report write` writes it from what was measured.

python -m benchmarks.results measure    # the rival needs requirements-rivals.txt
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.results import points
from benchmarks.results.contestants import CONTESTANTS, chosen
from benchmarks.results.table import SCHEDULES
from roboreg_core.errors import RoboRegError, SpecError

ALL = ",".join(SCHEDULES)

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

Methods = Annotated[str, typer.Option(help=f"Joined by commas, all where left out: {', '.join(CONTESTANTS)}.")]
Schedules = Annotated[str, typer.Option(help="Presets joined by commas.")]
File = Annotated[Path, typer.Option(help="Where points are kept.")]
Limit = Annotated[float | None, typer.Option(help="Begin no point after so many minutes.")]


@app.command()
def measure(
    methods: Methods = "",
    schedules: Schedules = ALL,
    seeds: Annotated[str, typer.Option(help="Joined by commas.")] = "0,1,2",
    tune: Annotated[bool, typer.Option("--tune/--no-tune", help="Fine-tune as well.")] = False,
    preset: Annotated[str, typer.Option(help="Of fine-tuning: quick, good or full.")] = "quick",
    images: Annotated[str, typer.Option(help="bundled (10,000) or full (48,000) training images.")] = "bundled",
    limit_minutes: Limit = None,
    file: File = points.FILE,
) -> None:
    """Measure the points that the file lacks, one at a time; killed, it goes on where it was when started again."""
    from benchmarks.results.measure import Choice, missing, open_measurer, wanted

    choice = Choice(
        contestants=tuple(chosen(methods)),
        schedules=_schedules(schedules),
        seeds=_seeds(seeds),
        preset=preset if tune else None,
        training_set=images,
    )
    measurer = open_measurer()
    todo = missing(wanted(choice, measurer.dense), points.read(file))
    started = time.monotonic()
    for number, point in enumerate(todo, start=1):
        if limit_minutes is not None and time.monotonic() - started > 60 * limit_minutes:
            print(f"{limit_minutes:g} minutes are over: {len(todo) - number + 1} of {len(todo)} points are missing")
            return
        found = measurer.measure(point)
        points.add(found, file)
        tuned = f", tuned {found.tuned:.2%}" if found.tuned is not None else ""
        print(f"{number}/{len(todo)} {point.line}: pruned {found.pruned:.2%}{tuned}", flush=True)
    print(f"nothing is missing; {len(todo)} points were measured")


@app.command("time")
def time_verb(
    methods: Methods = "",
    schedules: Schedules = ALL,
    repeats: Annotated[int, typer.Option(help="Times that each is pruned; the median counts.")] = 3,
    limit_minutes: Limit = None,
    file: File = points.FILE,
) -> None:
    """Take the seconds of pruning that the file lacks, with nothing else running."""
    from benchmarks.results.measure import open_measurer
    from roboreg_core.runs.spec import METHOD_VERSION

    measurer, started = open_measurer(), time.monotonic()
    held = {(each.contestant, each.schedule, each.version) for each in points.read(file).seconds}
    for contestant in chosen(methods):
        for schedule in _schedules(schedules):
            if (contestant.name, schedule, METHOD_VERSION) in held:
                continue
            if limit_minutes is not None and time.monotonic() - started > 60 * limit_minutes:
                print(f"{limit_minutes:g} minutes are over")
                return
            found = measurer.time(contestant, schedule, repeats)
            points.add(found, file)
            print(f"{schedule} {contestant.name}: {found.seconds:.2f} s", flush=True)


@app.command()
def search(
    budgets: Annotated[str, typer.Option(help="MACs as shares of the dense network's, joined by commas.")] = "0.5",
    trials: Annotated[int, typer.Option(help="Schedules that a search measures; 0 for none.")] = 60,
    seeds: Annotated[str, typer.Option(help="Of pruning and fine-tuning; the search takes the first.")] = "0",
    tune: Annotated[bool, typer.Option("--tune/--no-tune", help="Fine-tune as well.")] = False,
    preset: Annotated[str, typer.Option(help="Of fine-tuning: quick, good or full.")] = "quick",
    images: Annotated[str, typer.Option(help="bundled (10,000) or full (48,000) training images.")] = "bundled",
    file: File = points.FILE,
) -> None:
    """Search at each budget and run what it finds beside uniform schedules; what is in the store is not done again."""
    from benchmarks.results.measure import open_measurer
    from benchmarks.results.searched import Asked, entries, measured

    asked = Asked(
        budgets=_shares(budgets),
        trials=trials,
        seeds=_seeds(seeds),
        preset=preset if tune else None,
        training_set=images,
    )
    measurer = open_measurer()
    for entry in entries(asked, measurer.dense, measurer.store):
        for seed in asked.seeds:
            found = measured(entry, asked, seed, measurer.dense, measurer.store)
            points.add(found, file)
            tuned = f", tuned {found.tuned:.2%}" if found.tuned is not None else ""
            print(
                f"{entry.budget:g} {entry.source} {entry.schedule} seed {seed}: pruned {found.pruned:.2%}{tuned}",
                flush=True,
            )


def _schedules(names: str) -> tuple[str, ...]:
    found = tuple(name for name in names.split(",") if name)
    for name in found:
        if name not in SCHEDULES:
            raise SpecError(f"a schedule here must be one of {', '.join(SCHEDULES)}, got {name!r}")
    return found


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(share) for share in text.split(","))
    except ValueError:
        raise SpecError(f"budgets must be shares joined by commas, e.g. 0.25,0.5, got {text!r}") from None


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(seed) for seed in text.split(","))
    except ValueError:
        raise SpecError(f"seeds must be whole numbers joined by commas, got {text!r}") from None


if __name__ == "__main__":
    try:
        app()
    except RoboRegError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
