"""Run benchmarks, and generate docs/performance.md, results.md, reliability.md and the table in README.md.

python -m benchmarks.report measure [NAME...]    # each benchmark in its own process; by default all that can run here
python -m benchmarks.report write
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.report import measurements, page, reliability
from benchmarks.report.catalogue import BENCHMARKS, BY_NAME, Benchmark
from benchmarks.report.headline import headline
from benchmarks.results import points, table
from roboreg_core import paths
from roboreg_core.errors import SpecError

README = paths.PROJECT / "README.md"
PAGE = paths.PROJECT / "docs" / "performance.md"

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def measure(
    names: Annotated[list[str] | None, typer.Argument(help=f"Any of {', '.join(BY_NAME)}.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Test the scripts with little work; store nothing.")] = False,
) -> None:
    """Run benchmarks and store their figures in benchmarks/measured, with machine, versions and date."""
    failed = [each.name for each in chosen(names or []) if not run(each, quick=quick)]
    if failed:
        print(f"failed: {', '.join(failed)}; their earlier figures are unchanged")
        raise typer.Exit(1)


def chosen(names: list[str]) -> list[Benchmark]:
    """Return the named benchmarks, or all that this machine can run. Raises `SpecError` on an unknown name."""
    for name in names:
        if name not in BY_NAME:
            raise SpecError(f"a benchmark must be one of {', '.join(BY_NAME)}, got {name!r}")
    if names:
        return [BY_NAME[name] for name in names]
    import torch

    return [each for each in BENCHMARKS if not each.gpu or torch.cuda.is_available()]


def run(benchmark: Benchmark, *, quick: bool) -> bool:
    """Run one benchmark; return True on success. Figures of a quick run are not stored."""
    busy, started = measurements.others_busy(), time.perf_counter()
    arguments = [*benchmark.arguments, *(benchmark.quick if quick else ())]
    print(f"\n== {benchmark.name}: python -m benchmarks.{benchmark.module} {' '.join(arguments)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        command = [sys.executable, "-m", f"benchmarks.{benchmark.module}", *arguments, "--json", str(file)]
        # An empty home, so that earlier runs have no influence.
        environment = {**os.environ, "ROBOREG_HOME": str(Path(folder) / "home")}
        done = subprocess.run(command, check=False, cwd=paths.PROJECT, env=environment)
        if done.returncode != 0 or not file.exists():
            return False
        if not quick:
            seconds = time.perf_counter() - started
            measurements.keep(benchmark.name, json.loads(file.read_text()), seconds=seconds, busy=busy)
    return True


@app.command()
def write() -> None:
    """Write docs/performance.md, results.md, reliability.md and the table in README.md from the stored figures."""
    PAGE.write_text(page.page(measurements.read()), encoding="utf-8")
    table.PAGE.write_text(table.made(), encoding="utf-8")
    reliability.PAGE.write_text(reliability.page(measurements.read().get("faults")), encoding="utf-8")
    README.write_text(page.with_parts(README.read_text(encoding="utf-8"), readme_parts()), encoding="utf-8")
    print(f"wrote {PAGE}, {table.PAGE}, {reliability.PAGE} and the table in {README}")


def readme_parts() -> dict[str, str]:
    """Return the generated parts of README.md by the names of their markers."""
    return {"headline": headline(points.read(), measurements.read())}


if __name__ == "__main__":
    app()
