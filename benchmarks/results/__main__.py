"""Measure the missing points of docs/results.md, which `python -m benchmarks.report write` generates.

python -m benchmarks.results measure    # Torch-Pruning needs requirements-rivals.txt
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
from roboreg_core.training.fine_tuning_presets import TUNE_PRESETS

ALL = ",".join(SCHEDULES)

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

Methods = Annotated[str, typer.Option(help=f"Comma-separated; all by default: {', '.join(CONTESTANTS)}.")]
Schedules = Annotated[str, typer.Option(help="Comma-separated presets.")]
File = Annotated[Path, typer.Option(help="File of points.")]
Limit = Annotated[float | None, typer.Option(help="Start no point after this many minutes.")]


@app.command()
def measure(
    methods: Methods = "",
    schedules: Schedules = ALL,
    seeds: Annotated[str, typer.Option(help="Comma-separated.")] = "0,1,2",
    tune: Annotated[bool, typer.Option("--tune/--no-tune", help="Fine-tune as well.")] = False,
    preset: Annotated[str, typer.Option(help=f"Of fine-tuning: {', '.join(TUNE_PRESETS)}.")] = "quick",
    images: Annotated[str, typer.Option(help="Training images: bundled or full.")] = "bundled",
    limit_minutes: Limit = None,
    file: File = points.FILE,
) -> None:
    """Measure the missing points one by one; after an interruption the same command continues."""
    from benchmarks.results.measure import Choice, missing, open_measurer, planned_points

    choice = Choice(
        contestants=tuple(chosen(methods)),
        schedules=_schedules(schedules),
        seeds=_seeds(seeds),
        preset=preset if tune else None,
        training_set=images,
    )
    measurer = open_measurer()
    todo = missing(planned_points(choice, measurer.dense), points.read(file))
    started = time.monotonic()
    for number, point in enumerate(todo, start=1):
        if limit_minutes is not None and time.monotonic() - started > 60 * limit_minutes:
            print(
                f"stopped after {limit_minutes:g} minutes: {len(todo) - number + 1} of {len(todo)} points are missing"
            )
            return
        found = measurer.measure(point)
        points.add(found, file)
        tuned = f", tuned {found.tuned:.2%}" if found.tuned is not None else ""
        print(f"{number}/{len(todo)} {point.line}: pruned {found.pruned:.2%}{tuned}", flush=True)
    print(f"complete; {len(todo)} points measured")


@app.command("time")
def time_verb(
    methods: Methods = "",
    schedules: Schedules = ALL,
    repeats: Annotated[int, typer.Option(help="Repetitions; the median is stored.")] = 3,
    limit_minutes: Limit = None,
    file: File = points.FILE,
) -> None:
    """Measure missing durations of pruning; run it on an otherwise idle machine."""
    from benchmarks.results.measure import open_measurer
    from roboreg_core.runs.spec import METHOD_VERSION

    measurer, started = open_measurer(), time.monotonic()
    stored = {(each.contestant, each.schedule, each.version) for each in points.read(file).seconds}
    for contestant in chosen(methods):
        for schedule in _schedules(schedules):
            if (contestant.name, schedule, METHOD_VERSION) in stored:
                continue
            if limit_minutes is not None and time.monotonic() - started > 60 * limit_minutes:
                print(f"stopped after {limit_minutes:g} minutes")
                return
            found = measurer.time(contestant, schedule, repeats)
            points.add(found, file)
            print(f"{schedule} {contestant.name}: {found.seconds:.2f} s", flush=True)


@app.command()
def search(
    budgets: Annotated[str, typer.Option(help="Comma-separated shares of the dense network's MACs.")] = "0.5",
    trials: Annotated[int, typer.Option(help="Schedules that a search measures; 0 for none.")] = 60,
    seeds: Annotated[str, typer.Option(help="Seeds of pruning and fine-tuning; the search uses the first.")] = "0",
    tune: Annotated[bool, typer.Option("--tune/--no-tune", help="Fine-tune as well.")] = False,
    preset: Annotated[str, typer.Option(help=f"Of fine-tuning: {', '.join(TUNE_PRESETS)}.")] = "quick",
    images: Annotated[str, typer.Option(help="Training images: bundled or full.")] = "bundled",
    file: File = points.FILE,
) -> None:
    """Search at each budget, then run the result and uniform schedules; existing runs are reused."""
    from benchmarks.results.measure import open_measurer
    from benchmarks.results.searched import ComparisonSettings, entries, measured

    settings = ComparisonSettings(
        budgets=_shares(budgets),
        trials=trials,
        seeds=_seeds(seeds),
        preset=preset if tune else None,
        training_set=images,
    )
    measurer = open_measurer()
    for entry in entries(settings, measurer.dense, measurer.store):
        for seed in settings.seeds:
            found = measured(entry, settings, seed, measurer.dense, measurer.store)
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
            raise SpecError(f"schedule must be one of {', '.join(SCHEDULES)}, got {name!r}")
    return found


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(share) for share in text.split(","))
    except ValueError:
        raise SpecError(f"budgets must be comma-separated shares, e.g. 0.25,0.5, got {text!r}") from None


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(seed) for seed in text.split(","))
    except ValueError:
        raise SpecError(f"seeds must be comma-separated integers, got {text!r}") from None


if __name__ == "__main__":
    try:
        app()
    except RoboRegError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
