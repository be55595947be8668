"""docs/performance.md and the README's table, as text, from the measurements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.report.catalogue import BENCHMARKS, Benchmark, Line, percent
from benchmarks.report.costs import COSTS_TITLE, costs
from benchmarks.report.measurements import Measurement
from roboreg_core.errors import RoboRegError

NOT_YET = "not measured yet"
NO_GPU = "not measured: no GPU was at hand"
# Where others used more of the cores than this, figures are said to be taken beside other work.
FREE = 0.2

Measurements = Mapping[str, Measurement]

HEAD = """# Performance

Every figure here was measured by a command and is kept in `benchmarks/measured/`, one file a benchmark, with the
machine, the versions and the date. This page and the README's table of speed are written from those files; a test holds
that they equal what is written from them.

```
python -m benchmarks.report measure [NAME...]    # all, or some: {names}
python -m benchmarks.report write                # this page, docs/results.md and the README's parts between markers
```

Ratios are taken within a turn: contenders have a process each and take turns, so that a machine that slows down slows
all of them. Training, evaluation and sweeps must come to the same results by all, or there is no figure. What others
make (kornia, Torch-Pruning) is installed apart; without it, those rows are missing:
`python -m pip install --no-deps --target .rivals -r requirements-rivals.txt`.
"""


def page(measurements: Measurements) -> str:
    """The whole of docs/performance.md."""
    names = ", ".join(benchmark.name for benchmark in BENCHMARKS)
    parts = [HEAD.format(names=names), "## Figures\n", *_figures(measurements), *_growth(measurements.get("growth"))]
    parts += [f"## {COSTS_TITLE}\n", *_costs(measurements.get("profile")), "## GPU\n", _gpu(measurements)]
    return "\n".join(parts).rstrip() + "\n"


def with_parts(readme: str, parts: Mapping[str, str]) -> str:
    """The README with what is between each part's markers replaced. Raises `RoboRegError` where markers are missing."""
    for name, text in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, begun, rest = readme.partition(begin)
        _, ended, after = rest.partition(end)
        if not begun or not ended:
            raise RoboRegError(f"README.md must have {begin} and {end}, found none or one of them; put them back")
        readme = f"{before}{begin}\n{text}{end}{after}"
    return readme


def short(measurements: Measurements) -> str:
    """The README's table: the figures that count, each with its command."""
    rows = ["| what | figure | against | goal | command |", "|---|---|---|---|---|"]
    for benchmark in _with_lines():
        measured, command = measurements.get(benchmark.name), f"`{benchmark.command}`"
        if measured is None:
            rows.append(_row(benchmark.title, NOT_YET, "", "", command))
            continue
        lines = [line for line in _lines(benchmark, measured) if line.short]
        rows += [_row(line.what, _with_ratio(line), line.rival, line.goal, command) for line in lines]
    return "\n".join(rows) + "\n"


def _with_lines() -> list[Benchmark]:
    return [benchmark for benchmark in BENCHMARKS if benchmark.lines is not None and not benchmark.gpu]


def _lines(benchmark: Benchmark, measured: Measurement) -> list[Line]:
    return benchmark.lines(measured.figures) if benchmark.lines is not None else []


def _with_ratio(line: Line) -> str:
    return f"{line.figure}, **{line.ratio}**" if line.ratio else line.figure


def _figures(measurements: Measurements) -> Iterable[str]:
    for benchmark in _with_lines():
        yield f"### {benchmark.title}\n"
        measured = measurements.get(benchmark.name)
        if measured is None:
            yield f"{NOT_YET}: `{benchmark.command}`\n"
            continue
        yield _table(benchmark, measured)
        yield _when(benchmark.command, measured)


def _table(benchmark: Benchmark, measured: Measurement) -> str:
    rows = ["| what | figure | ratio | rival | goal |", "|---|---|---|---|---|"]
    rows += [_row(each.what, each.figure, each.ratio, each.rival, each.goal) for each in _lines(benchmark, measured)]
    return "\n".join(rows) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _when(command: str, measured: Measurement) -> str:
    """Where figures come from."""
    machine = measured.machine
    beside = "" if measured.busy <= FREE else f", beside other work ({percent(measured.busy, 0)} of the cores)"
    return (
        f"`{command}`, {measured.date}, {machine['processor']} ({machine['family']}), {machine['cores']} cores, "
        f"torch {machine['torch']} on {machine['threads']} threads{beside}.\n"
    )


GROWTH = {
    "images": ("Evaluating the dense network in float32", {"images": "images", "seconds": "seconds"}),
    "clusters": (
        "Pruning by the default method",
        {"schedule": "schedule", "clusters": "clusters, all blocks", "seconds": "seconds"},
    ),
    "runs": (
        "The Overview's script",
        {"runs": "runs in the store", "first_seconds": "nothing cached, s", "again_seconds": "again, s"},
    ),
    "browsers": (
        "Browsers on Design, all moving a slider at once, drawn by the machine that serves them, until counts follow",
        {"browsers": "browsers", "median_ms": "median, ms", "slowest_ms": "slowest, ms"},
    ),
}


def _growth(measured: Measurement | None) -> Iterable[str]:
    yield "## How cost grows\n"
    if measured is None:
        yield f"{NOT_YET}: `python -m benchmarks.growth`\n"
        return
    for part, (title, columns) in GROWTH.items():
        rows = measured.figures.get(part)
        yield f"{title}:\n"
        if not rows:
            yield f"{NOT_YET}\n"
            continue
        table = [_row(*columns.values()), "|" + "---|" * len(columns)]
        table += [_row(*(_number(row[key]) for key in columns)) for row in rows]
        yield "\n".join(table) + "\n"
    yield _when("python -m benchmarks.growth", measured)


def _costs(measured: Measurement | None) -> Iterable[str]:
    if measured is None:
        yield f"{NOT_YET}: `python -m benchmarks.profile`\n"
        return
    yield "By torch's profiler, which itself costs time. The three largest kinds of work of each:\n"
    yield costs(measured)
    yield _when("python -m benchmarks.profile", measured)


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _gpu(measurements: Measurements) -> str:
    parts = []
    for benchmark in BENCHMARKS:
        if not benchmark.gpu:
            continue
        measured = measurements.get(benchmark.name)
        if measured is None:
            command = f"python -m benchmarks.report measure {benchmark.name}"
            parts.append(f"{benchmark.title}: {NO_GPU}. On a machine with one: `{command}`.\n")
        else:
            parts.append(
                f"### {benchmark.title}\n\n{_table(benchmark, measured)}\n{_when(benchmark.command, measured)}"
            )
    return "\n".join(parts)
