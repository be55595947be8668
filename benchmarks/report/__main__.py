"""Take the figures of docs/performance.md and of the README, and write both from what was taken, docs/results.md too.

python -m benchmarks.report measure [NAME...]    # every benchmark in a process of its own; all that can run here
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

from benchmarks.report import measurements, page, shipped
from benchmarks.report.catalogue import BENCHMARKS, BY_NAME, Benchmark
from benchmarks.results import points, table
from roboreg_core import paths
from roboreg_core.errors import SpecError

README = paths.PROJECT / "README.md"
PAGE = paths.PROJECT / "docs" / "performance.md"

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def measure(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(BY_NAME)}.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Little of each, kept nowhere: tests the scripts.")] = False,
) -> None:
    """Run benchmarks and keep their figures in benchmarks/measured, with the machine, the versions and the date."""
    failed = [each.name for each in chosen(names or []) if not run(each, quick=quick)]
    if failed:
        print(f"not measured: {', '.join(failed)}; what was measured before is left as it was")
        raise typer.Exit(1)


def chosen(names: list[str]) -> list[Benchmark]:
    """The named benchmarks, or all that this machine can run. Raises `SpecError` on an unknown name."""
    for name in names:
        if name not in BY_NAME:
            raise SpecError(f"a benchmark must be one of {', '.join(BY_NAME)}, got {name!r}")
    if names:
        return [BY_NAME[name] for name in names]
    import torch

    return [each for each in BENCHMARKS if not each.gpu or torch.cuda.is_available()]


def run(benchmark: Benchmark, *, quick: bool) -> bool:
    """Measure one; True where it ended well. Figures of a quick run are not kept."""
    busy, started = measurements.others_busy(), time.perf_counter()
    arguments = [*benchmark.arguments, *(benchmark.quick if quick else ())]
    print(f"\n== {benchmark.name}: python -m benchmarks.{benchmark.module} {' '.join(arguments)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        command = [sys.executable, "-m", f"benchmarks.{benchmark.module}", *arguments, "--json", str(file)]
        # An empty home: nothing that was measured here before takes part.
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
    """Write docs/performance.md, docs/results.md and the README's parts between markers, from all that was kept."""
    PAGE.write_text(page.page(measurements.read()), encoding="utf-8")
    table.PAGE.write_text(table.made(), encoding="utf-8")
    README.write_text(page.with_parts(README.read_text(encoding="utf-8"), readme_parts()), encoding="utf-8")
    print(f"wrote {PAGE}, {table.PAGE} and the figures of {README}")


def readme_parts() -> dict[str, str]:
    """What is between the README's markers, by their names."""
    return {**shipped.parts(points.read()), "figures": page.short(measurements.read())}


if __name__ == "__main__":
    app()
