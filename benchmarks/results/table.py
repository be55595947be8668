"""docs/results.md from the points: findings, one table per schedule, conditions of the measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.results import shipped
from benchmarks.results.points import FILE, Points, Tune, read
from benchmarks.results.rows import Columns, Duration, Mean, Row, columns, rows
from benchmarks.results.searched import section as searched_section
from roboreg_core import paths
from roboreg_core.datasets.sources import TRAINING_COUNTS
from roboreg_core.models.costs import cost
from roboreg_core.networks.spec import shipped_digest
from roboreg_core.runs.spec import METHOD_VERSION
from roboreg_core.schedules.schedule import dense_schedule, presets

SCHEDULES = tuple(name for name in presets() if name != "dense")
PAGE = paths.PROJECT / "docs" / "results.md"
NOT_MEASURED = "not measured"
BESIDE = "†"
OLDER = "‡"

HEAD = """# Results

All methods at the five pruned preset schedules, compared with Torch-Pruning 1.6.1 on the same dense network, with the
same widths, calibration images, fine-tuning and teacher. Each measured point is one line of `benchmarks/results.jsonl`,
from which this page is generated:

```
python -m pip install --no-deps --target .rivals -r requirements-rivals.txt
python -m benchmarks.results measure          # missing points, pruned only; --tune also fine-tunes
python -m benchmarks.results time             # seconds of pruning, on an otherwise idle machine
python -m benchmarks.report write             # this page, docs/performance.md and the table in README.md
```
"""


def made(file: Path = FILE) -> str:
    """Return docs/results.md from the points in the file that start from the shipped dense network."""
    stored = read(file)
    return f"{page(stored, shipped_digest())}\n{shipped.sections(stored)}"


def page(stored: Points, dense_sha256: str) -> str:
    """Return the part of the page about the points that start from this dense network."""
    stored = replace(
        stored,
        points=tuple(point for point in stored.points if point.dense_sha256 == dense_sha256),
        searched=tuple(each for each in stored.searched if each.dense_sha256 == dense_sha256),
    )
    of = columns(stored)
    tables = {schedule: rows(stored, schedule, of) for schedule in SCHEDULES}
    newest = METHOD_VERSION
    parts = [
        HEAD,
        "## Findings\n\n" + "\n".join(_finding(schedule, tables[schedule], of) for schedule in SCHEDULES) + "\n",
        _caution(tables),
        "## How to read the tables\n\n" + _legend(stored, of, newest),
    ]
    parts += [_section(schedule, table, of, newest) for schedule, table in tables.items()]
    parts.append(searched_section(stored))
    return "\n".join(parts)


def _finding(schedule: str, table: list[Row], of: Columns) -> str:
    counted = cost(presets()[schedule])
    share = counted.parameters / cost(dense_schedule()).parameters
    sentences = [_comparison("pruned", table, lambda row: row.pruned.get(of.pruned[0]))]
    for tune in of.tuned[:1]:
        how = f"fine-tuned ({tune.preset}, {tune.training_set} images)"
        sentences.append(_comparison(how, table, lambda row, tune=tune: row.tuned.get(tune)))  # type: ignore[misc]
    if not of.tuned:
        sentences.append("Fine-tuned: not measured.")
    return f"- **{schedule}**, {100 * share:.1f} % of the parameters. {' '.join(sentences)}"


def _comparison(stage: str, table: list[Row], of: Callable[[Row], Mean | None]) -> str:
    ours, theirs = (_best(of, (row for row in table if row.rival == rival)) for rival in (False, True))
    stage = stage[0].upper() + stage[1:]
    if ours is None or theirs is None:
        known = ours or theirs
        only = f"best measured {known[0].contestant.label} {_percent(known[1])}; " if known else ""
        return f"{stage}: {only}{'Torch-Pruning ' if ours else ''}{NOT_MEASURED}."
    ahead = 100 * (ours[1].mean - theirs[1].mean)
    rivals = [row for row in table if row.rival]
    measured_rivals = sum(of(row) is not None for row in rivals)
    among = "" if measured_rivals == len(rivals) else f", {measured_rivals} of {len(rivals)} configurations measured"
    verdict = f"{abs(ahead):.1f} pp {'above' if ahead >= 0 else 'below'}"
    return (
        f"{stage}: {ours[0].contestant.label} {_percent(ours[1])}, {verdict} the best of Torch-Pruning "
        f"({theirs[0].contestant.label.removeprefix('Torch-Pruning, ')} {_percent(theirs[1])}{among})."
    )


def _best(of: Callable[[Row], Mean | None], among: Iterable[Row]) -> tuple[Row, Mean] | None:
    found = [(row, mean) for row in among if (mean := of(row)) is not None]
    return max(found, key=lambda pair: pair[1].mean, default=None)


def _caution(tables: dict[str, list[Row]]) -> str:
    count = len(next(iter(tables.values())))
    return (
        f"Each best value is the maximum of {count} rows on the test images and therefore slightly optimistic. The "
        "default method was chosen on validation images (`docs/decisions.md`).\n"
    )


def _legend(stored: Points, of: Columns, newest: int) -> str:
    lines = [
        "- Test accuracy in percent (all test images, float32, batch norm folded): *mean ± standard deviation "
        "(number of seeds)*. Deterministic methods have one value before fine-tuning. The sampling error of an "
        "accuracy near 92 % is about ± 0.5 pp (95 %).",
        "- **Bold**: best of a column. Rows are sorted by accuracy after fine-tuning, then by accuracy after pruning.",
    ]
    lines += [f"- *Pruned ({name})*: {_calibration(stored, name)}." for name in of.pruned]
    lines += [f"- *Fine-tuned ({_short(tune)})*: {_how(tune)}." for tune in of.tuned]
    lines.append(
        "- *Seconds*: duration of pruning, with the dense network's pass over the calibration images. "
        f"{BESIDE}: median over the points, measured while other work was running; not a measurement of speed."
    )
    if any(point.version != newest for point in stored.points):
        lines.append(f"- {OLDER}: measured by an older version of the method than the current one ({newest}).")
    lines.append(f"- Machines: {'; '.join(_machines(stored)) or NOT_MEASURED}.")
    return "\n".join(lines) + "\n"


def _calibration(stored: Points, name: str) -> str:
    counts = sorted({point.calibration for point in stored.points if point.training_set == name}) or [0]
    count = " or ".join(f"{each:,}" for each in counts)
    images = f"{count} calibration images from the {TRAINING_COUNTS[name]:,} {name} training images"
    return f"{images}, for methods that need them; labels are used only by Torch-Pruning's taylor and hessian"


def _how(tune: Tune) -> str:
    teacher = "distilled from the dense network" if tune.distil else "trained on the labels only"
    return (
        f"{tune.epochs} epochs of the preset `{tune.preset}` on the {TRAINING_COUNTS[tune.training_set]:,} "
        f"{tune.training_set} training images, {teacher}, learning rate {tune.learning_rate:g}, "
        f"batch size {tune.batch_size}, bfloat16; the last epoch is kept"
    )


def _short(tune: Tune) -> str:
    usual = f"{tune.preset}, {tune.epochs} epochs, {tune.training_set}"
    return usual if tune.distil else f"{usual}, labels only"


def _machines(stored: Points) -> list[str]:
    return sorted({_machine(point.environment) for point in stored.points})


def _machine(environment: dict[str, Any]) -> str:
    device, kind = environment["device"], environment.get("processor") or environment["machine"]
    return f"{device} ({kind}), torch {environment['torch']}, threads: {environment['threads']}"


def _section(schedule: str, table: list[Row], of: Columns, newest: int) -> str:
    of = _used_columns(of, table)
    head = ["method", "parameters", "MACs", "dense"]
    head += [f"pruned ({name})" for name in of.pruned]
    head += [f"fine-tuned ({_short(tune)})" for tune in of.tuned] or ["fine-tuned"]
    head.append("seconds")
    best = {name: _best(lambda row, name=name: row.pruned.get(name), table) for name in of.pruned}  # type: ignore[misc]
    top = {tune: _best(lambda row, tune=tune: row.tuned.get(tune), table) for tune in of.tuned}  # type: ignore[misc]
    lines = [f"## {schedule}", "", _line(head), _line(["---"] * len(head))]
    for row in table:
        mark = OLDER if row.version is not None and row.version != newest else ""
        cells = [row.contestant.label + mark, f"{row.parameters:,}", f"{row.macs:,}", _dense(row.dense)]
        cells += [_cell(row.pruned.get(name), best[name], row) for name in of.pruned]
        cells += [_cell(row.tuned.get(tune), top[tune], row) for tune in of.tuned] or [NOT_MEASURED]
        lines.append(_line([*cells, _seconds(row.duration)]))
    return "\n".join(lines) + "\n"


def _used_columns(of: Columns, table: list[Row]) -> Columns:
    """Return the columns with at least one value; the first column of each kind always stays."""
    return replace(
        of,
        pruned=of.pruned[:1] + tuple(name for name in of.pruned[1:] if any(name in row.pruned for row in table)),
        tuned=of.tuned[:1] + tuple(tune for tune in of.tuned[1:] if any(tune in row.tuned for row in table)),
    )


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(mean: Mean | None, best: tuple[Row, Mean] | None, row: Row) -> str:
    if mean is None:
        return NOT_MEASURED
    spread = f" ± {100 * mean.spread:.2f}" if mean.spread is not None else ""
    text = f"{100 * mean.mean:.2f}{spread} ({mean.count})"
    return f"**{text}**" if best is not None and best[0] is row else text


def _percent(mean: Mean) -> str:
    return f"{100 * mean.mean:.2f} %"


def _dense(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{100 * value:.2f}"


def _seconds(duration: Duration | None) -> str:
    if duration is None:
        return NOT_MEASURED
    return f"{duration.seconds:.2f}" if duration.alone else f"{duration.seconds:.1f} {BESIDE}"
