"""Cause faults in the running app and check that no work is lost and no figure is wrong.

python -m benchmarks.faults starts the app on temporary homes with few images, as `make run` does, drives its pages in
Chromium, and compares the results with those of the same work without faults.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from json import loads
from pathlib import Path
from typing import Annotated, Any

import psutil  # type: ignore[import-untyped]
import typer

from benchmarks.common import write_json
from benchmarks.faults.campaign import Event, Outcome
from benchmarks.faults.kinds import BY_NAME, KINDS, Kind
from benchmarks.faults.one_kind import REFERENCES
from benchmarks.faults.work import TEST_IMAGES, TRAIN_IMAGES
from benchmarks.small_project import copy_project
from roboreg_core import paths

MINUTES, QUICK_MINUTES = 30.0, 3.0
# Time for the work without faults, and for a kind to finish its last event.
REFERENCE_SECONDS, GRACE_SECONDS = 1_800.0, 1_000.0

Figures = dict[str, Any]


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def main(
    quick: Annotated[
        bool, typer.Option("--quick", help="A few faults of some kinds, for a check before a release.")
    ] = False,
    seed: Annotated[
        list[int] | None,
        typer.Option(
            help="Of the random moments and places, 0 by default; several: a campaign each, at the same time."
        ),
    ] = None,
    minutes: Annotated[float | None, typer.Option(help=f"About {MINUTES:g} by default.")] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="KIND", help=f"Any of {', '.join(BY_NAME)}.")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
) -> None:
    """Cause faults and print the number of each outcome.

    Each kind is tried at least once, so that a slow machine takes longer. With --quick, the exit status is 1 where
    anything was lost or wrong.
    """
    unknown = [name for name in only or () if name not in BY_NAME]
    if unknown:
        raise typer.BadParameter(f"a kind must be one of {', '.join(BY_NAME)}, got {unknown[0]!r}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = [kind for kind in KINDS if (kind.name in only if only else kind.quick or not quick)]
    seconds = 60 * (minutes if minutes is not None else QUICK_MINUTES if quick else MINUTES)
    seeds = seed or [0]
    if len(seeds) == 1:
        found = campaign(chosen, seeds[0], seconds, quick)
    else:
        found = _at_the_same_time(chosen, seeds, seconds, quick)
    write_json(json, {"quick": quick, "seeds": seeds, "minutes": seconds / 60, "kinds": found})
    failed = show(found)
    if quick and failed:
        raise typer.Exit(1)


def campaign(kinds: list[Kind], seed: int, seconds: float, quick: bool) -> list[Figures]:
    """Cause the faults of each kind in a separate process; return the figures of each kind."""
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="roboreg-faults-") as name:
        folder = Path(name)
        copy_project(folder / "project", train=TRAIN_IMAGES, test=TEST_IMAGES)
        print("without faults", flush=True)
        if not _run(REFERENCES, folder, seed, REFERENCE_SECONDS, quick):
            raise SystemExit("the work did not finish without any fault: see the message above")
        found = []
        for place, kind in enumerate(kinds):
            print(kind.name, flush=True)
            share = kind.share / sum(each.share for each in kinds[place:])
            completed = _run(kind.name, folder, seed, share * max(0.0, ends - time.monotonic()), quick)
            found.append(summary(kind, _events(folder / f"{kind.name}.jsonl"), completed))
        return found


def _at_the_same_time(kinds: list[Kind], seeds: list[int], seconds: float, quick: bool) -> list[Figures]:
    """A campaign per seed in a process each; return the figures of each kind, added up."""
    options = [*(["--quick"] if quick else []), *(part for kind in kinds for part in ("--only", kind.name))]
    with tempfile.TemporaryDirectory(prefix="roboreg-campaigns-") as name, ExitStack() as started:
        files = {seed: Path(name) / f"{seed}.json" for seed in seeds}
        command = [sys.executable, "-m", "benchmarks.faults", "--minutes", str(seconds / 60), *options]
        for process in [
            started.enter_context(group([*command, "--seed", str(seed), "--json", str(file)]))
            for seed, file in files.items()
        ]:
            if process.wait():
                raise SystemExit("a campaign failed: see the messages above")
        campaigns = [loads(file.read_text())["kinds"] for file in files.values()]
    return [added(each) for each in zip(*campaigns, strict=True)]


def added(campaigns: Sequence[Figures]) -> Figures:
    """The summaries of one kind in several campaigns as one."""
    counted = ("tried", *(outcome.value for outcome in Outcome))
    faults: dict[str, Counter[str]] = {}
    values: dict[str, list[float]] = {}
    for each in campaigns:
        for fault in each["faults"]:
            faults.setdefault(fault["what"], Counter()).update({name: fault[name] for name in counted[1:]})
        for name, measured in each["values"].items():
            values.setdefault(name, []).extend(measured)
    return {
        "name": campaigns[0]["name"],
        "completed": all(each["completed"] for each in campaigns),
        **{name: sum(each[name] for each in campaigns) for name in counted},
        "faults": [{"what": what, **{name: counts[name] for name in counted[1:]}} for what, counts in faults.items()],
        "values": values,
    }


def _events(file: Path) -> list[Event]:
    return [Event.from_json(line) for line in file.read_text().splitlines()] if file.exists() else []


def summary(kind: Kind, events: list[Event], completed: bool) -> Figures:
    """Numbers of outcomes, in all and by fault, and the measured values of one kind."""
    outcomes = Counter(event.outcome for event in events)
    whats = list(dict.fromkeys(event.what for event in events))
    counts = {what: Counter(event.outcome for event in events if event.what == what) for what in whats}
    return {
        "name": kind.name,
        "completed": completed,
        "tried": len(events) - outcomes[Outcome.SKIPPED],
        **{outcome.value: outcomes[outcome] for outcome in Outcome},
        "faults": [{"what": what, **{each.value: counts[what][each] for each in Outcome}} for what in whats],
        "values": {
            name: [event.figures[name] for event in events if name in event.figures]
            for name in dict.fromkeys(name for event in events for name in event.figures)
        },
    }


def show(kinds: list[Figures]) -> bool:
    """Print a table of the outcomes; return True if anything was lost or wrong, or a kind did not complete."""
    columns = ("tried", *(outcome.value for outcome in Outcome))
    print(f"\n{'':<20}" + "".join(f"{column:>10}" for column in columns))
    for each in kinds:
        note = "" if each["completed"] else "  ended early: see the messages above"
        print(f"{each['name']:<20}" + "".join(f"{each[column]:>10}" for column in columns) + note)
    return any(each["lost"] or each["wrong"] or not each["completed"] for each in kinds)


def _run(name: str, folder: Path, seed: int, seconds: float, quick: bool) -> bool:
    """Run a kind in its own process group, which is killed after its time; return True if it completed."""
    more = ["--quick"] if quick else []
    command = [sys.executable, "-m", "benchmarks.faults.one_kind", name, str(folder), str(seed), str(seconds), *more]
    try:
        with group(command) as process:
            return process.wait(seconds + GRACE_SECONDS) == 0
    except subprocess.TimeoutExpired:
        print(f"  {name} did not end within {seconds + GRACE_SECONDS:.0f} s and was killed", flush=True)
        return False
    finally:
        for disk in psutil.disk_partitions(all=True):
            if Path(disk.mountpoint).is_relative_to(folder):
                subprocess.run(["umount", "-l", disk.mountpoint], check=False)


@contextmanager
def group(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process, and kill everything that it started at the end."""
    process = subprocess.Popen(command, cwd=paths.PROJECT, start_new_session=True, **options)
    try:
        yield process
    finally:
        family: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            family = psutil.Process(process.pid).children(recursive=True)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for each in family:  # a browser has a separate group
            with suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()


if __name__ == "__main__":
    app()
