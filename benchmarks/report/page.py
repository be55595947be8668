"""docs/performance.md and the README's table as Markdown, from the measurements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.report.catalogue import BENCHMARKS, Benchmark, Line, percent
from benchmarks.report.costs import COSTS_TITLE, costs
from benchmarks.report.measurements import Measurement
from roboreg_core.errors import RoboRegError

NOT_YET = "not measured yet"
NO_GPU = "not measured: no GPU was available"
# Share of the cores that other processes may use before the page says so.
FREE = 0.2

Measurements = Mapping[str, Measurement]

HEAD = """# Performance

Each figure on this page was measured by the command below its table. The figures are stored in `benchmarks/measured/`,
one file per benchmark, with the machine, the versions and the date. This page is generated from those files; a test
checks that it agrees with them.

**Speeds differ by processor family** (vendor and vector instructions), so each figure names it. The speed of one
machine also drifts, up to twofold within an hour on virtual machines: compare ratios, not absolute values. bfloat16 is
used on processors with bfloat16 instructions (AMX, AVX-512 BF16), float32 on others.

```
python -m benchmarks.report measure [NAME...]    # all benchmarks, or some of: {names}
python -m benchmarks.report write                # this page, docs/results.md and the table in README.md
```

The contenders of a benchmark run in separate processes and take turns; a ratio is computed within a turn, so that a
slower machine slows all contenders. In training, evaluation and sweeps the results of all contenders must agree,
otherwise the benchmark fails. kornia and Torch-Pruning are installed separately; without them their rows are missing:
`python -m pip install --no-deps --target .rivals -r requirements-rivals.txt`.
"""


def page(measurements: Measurements) -> str:
    """Return docs/performance.md."""
    names = ", ".join(benchmark.name for benchmark in BENCHMARKS)
    parts = [HEAD.format(names=names), "## Figures\n", *_figures(measurements), *_growth(measurements.get("growth"))]
    parts += [f"## {COSTS_TITLE}\n", *_costs(measurements.get("profile")), "## GPU\n", _gpu(measurements)]
    return "\n".join(parts).rstrip() + "\n"


def with_parts(readme: str, parts: Mapping[str, str]) -> str:
    """Replace the text between each part's markers. Raises `RoboRegError` if markers are missing."""
    for name, text in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, begun, rest = readme.partition(begin)
        _, ended, after = rest.partition(end)
        if not begun or not ended:
            raise RoboRegError(f"README.md must have {begin} and {end}, found none or one of them; put them back")
        readme = f"{before}{begin}\n{text}{end}{after}"
    return readme


def _with_lines() -> list[Benchmark]:
    return [benchmark for benchmark in BENCHMARKS if benchmark.lines is not None and not benchmark.gpu]


def _lines(benchmark: Benchmark, measured: Measurement) -> list[Line]:
    return benchmark.lines(measured.figures) if benchmark.lines is not None else []


def _figures(measurements: Measurements) -> Iterable[str]:
    for benchmark in _with_lines():
        yield f"### {benchmark.title}\n"
        measured = measurements.get(benchmark.name)
        if measured is None:
            yield f"{NOT_YET}: `{benchmark.command}`\n"
            continue
        yield _table(benchmark, measured)
        yield when(benchmark.command, measured)


def _table(benchmark: Benchmark, measured: Measurement) -> str:
    rows = ["| measurement | value | ratio | reference | goal |", "|---|---|---|---|---|"]
    rows += [
        table_row(each.what, each.figure, each.ratio, each.rival, each.goal) for each in _lines(benchmark, measured)
    ]
    return "\n".join(rows) + "\n"


def table_row(*cells: str) -> str:
    """Format a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def when(command: str, measured: Measurement) -> str:
    """Name command, date and machine of a measurement."""
    machine = measured.machine
    beside = "" if measured.busy <= FREE else f", while other processes used {percent(measured.busy, 0)} of the cores"
    return (
        f"`{command}`, {measured.date}, {machine['processor']} ({machine['family']}), {machine['cores']} cores, "
        f"torch {machine['torch']} on {machine['threads']} threads{beside}.\n"
    )


GROWTH = {
    "images": ("Evaluating the dense network in float32", {"images": "images", "seconds": "seconds"}),
    "clusters": (
        "Pruning by the default method",
        {"schedule": "schedule", "clusters": "filters kept", "seconds": "seconds"},
    ),
    "architectures": (
        "Multiples of the default architecture, with random weights and images",
        {"architecture": "dense network", "macs": "MACs", "evaluating": "evaluating", "pruning": "pruning to half"},
    ),
    "runs": (
        "Script of the Overview page",
        {"runs": "runs in the store", "first_seconds": "without caches, s", "again_seconds": "with caches, s"},
    ),
    "browsers": (
        "From slider to updated costs on Design, several browsers at once on the machine of the server",
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
        table = [table_row(*columns.values()), "|" + "---|" * len(columns)]
        table += [table_row(*(_number(row[key]) for key in columns)) for row in rows]
        yield "\n".join(table) + "\n"
    yield when("python -m benchmarks.growth", measured)


def _costs(measured: Measurement | None) -> Iterable[str]:
    if measured is None:
        yield f"{NOT_YET}: `python -m benchmarks.profile`\n"
        return
    yield "The three largest kinds of work of each activity, by torch's profiler, which itself takes time:\n"
    yield costs(measured)
    yield when("python -m benchmarks.profile", measured)


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
            parts.append(f"### {benchmark.title}\n\n{_table(benchmark, measured)}\n{when(benchmark.command, measured)}")
    return "\n".join(parts)
