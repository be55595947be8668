"""The report on several runs side by side.

Numbers and verdicts are those of `Comparison`, as printed by `compare RUN RUN --json`.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from roboreg_core.charts import (
    comparison_table,
    many_classes,
    palette,
    recall_slopes,
    schedule_strips,
    shared_error_matrix,
    tradeoff_scatter,
)
from roboreg_core.evaluation.paired_tests import ALPHA
from roboreg_core.report import provenance
from roboreg_core.report.jinja_environment import render
from roboreg_core.report.svg import INK, Figure, figure
from roboreg_core.report.values import Cell, Number, RunName, count, decimal, percent
from roboreg_core.runs.comparison import ComparedRun, Comparison
from roboreg_core.runs.metric_changes import COSTS
from roboreg_core.runs.summary import DENSE
from roboreg_core.store.records import Record
from roboreg_core.wording import fmt, run_facts
from roboreg_core.wording.run_metrics import METRICS, RunMetric

# Parts that need one data set.
LEFT_OUT = {"classes": "Per-class recall", "shared_errors": "Shared errors"}
TESTED = [metric for metric in METRICS.values() if metric.verdict is not None]
UNTESTED = [metric for metric in METRICS.values() if metric.verdict is None]
Names = Mapping[str, RunName]
Styles = Mapping[str, palette.Style]


def comparison_html(found: Comparison, styles: Styles) -> str:
    """Report on a comparison as a complete HTML document; `styles` are by run id, see `palette.styles`.

    Raises `ReportError`: a chart contains more than shapes and text.
    """
    records = [row.record for row in found.rows]
    names = {run: RunName.of(label, styles[run]) for run, label in run_facts.labels(records).items()}
    title = comparison_table.comparison_title(found)
    return render(
        "comparison.html.j2",
        name=f"{len(records)} runs",
        finding=f"{fmt.sentence_case(title)}.",
        lead=[f"{len(records)} runs. Baseline: {_baseline(found)}."],
        mismatches=found.unlike,
        test_images=" or ".join(sorted({record.result["images"]["test"] for record in records})),
        alpha=ALPHA,
        accuracy_columns=_columns(TESTED),
        accuracy=[[names[row.record.id], *_cells(found, row, TESTED), _verdict(found, row)] for row in found.rows],
        depends_on=sorted({run_facts.depends_on(record) for record in records}),
        cost_columns=_columns(UNTESTED),
        costs=[[names[row.record.id], *_cells(found, row, UNTESTED), _fronts(row)] for row in found.rows],
        blocks=[f"block {block}" for block in range(1, len(found.differs) + 1)],
        schedules=_schedules(found, names),
        tradeoffs=[_tradeoff(records, cost, styles) for cost in COSTS],
        class_names=list(found.classes),
        classes_note=many_classes.figures_note(found.classes),
        classes=_classes(found, names, styles) if found.classes else None,
        shared_errors=_shared_errors(found) if found.overlap is not None else None,
        left_out={name: comparison_table.left_out_words(text) for name, text in LEFT_OUT.items()},
        settings=[[names[record.id], *_settings(record)] for record in records],
        checksums=_checksums(records, names),
        runs=[{"label": run_facts.label(record), "command": record.result["command"]} for record in records],
        arguments=" ".join(record.id for record in records) + provenance.baseline_option(found.baseline),
    )


def _baseline(found: Comparison) -> str:
    if found.baseline == DENSE:
        return "the dense network of each run"
    return f"{run_facts.label(found.rows[0].baseline.record)} (run {found.baseline})"


def _columns(metrics: Sequence[RunMetric]) -> list[str]:
    return [column for metric in metrics for column in (metric.label, "change")]


def _verdict(found: Comparison, row: ComparedRun) -> str:
    if row.record.id == found.baseline:
        return "baseline"
    return row.paired.verdict.words if row.paired else comparison_table.OTHER_IMAGES


def _fronts(row: ComparedRun) -> str:
    return ", ".join(METRICS[cost].label for cost in COSTS if row.front[cost])


def _cells(found: Comparison, row: ComparedRun, metrics: Sequence[RunMetric]) -> list[Cell]:
    """Each metric and its change; empty for the baseline itself, and where the test images differ."""
    cells: list[Cell] = []
    for metric in metrics:
        change, verdict = metric.change(row), metric.verdict(row) if metric.verdict else None
        cells.append(Number(value=metric.value(row.record), text=metric.figure(row.record, "final")))
        if change is None or row.record.id == found.baseline:
            cells.append("")
            continue
        amount = verdict.difference if verdict else change.relative
        cells.append(Number(value=amount, text=metric.change_text(change), verdict=verdict.kind if verdict else ""))
    return cells


def _schedules(found: Comparison, names: Names) -> dict[str, Any]:
    """Filters kept per block: `figure`, `rows`; blocks in which all runs agree are dimmed."""
    frame = schedule_strips.strip_data(found)
    chart = figure(schedule_strips.strip_chart(frame, ink=INK), "strip", schedule_strips.strip_title(frame))
    rows = [[names[row.record.id], *_filter_cells(found, row)] for row in found.rows]
    return {"figure": chart, "rows": rows}


def _filter_cells(found: Comparison, row: ComparedRun) -> list[Cell]:
    kept = itertools.zip_longest(row.record.result["schedule"], found.differs)
    return ["" if filters is None else replace(count(filters), dimmed=not differs) for filters, differs in kept]


def _tradeoff(records: Sequence[Record], cost: str, styles: Styles) -> Figure:
    frame = tradeoff_scatter.tradeoff_data(records, cost, styles)
    return figure(
        tradeoff_scatter.tradeoff_chart(frame, cost), f"tradeoff-{cost}", tradeoff_scatter.tradeoff_title(frame, cost)
    )


def _classes(found: Comparison, names: Names, styles: Styles) -> dict[str, Any]:
    frame = recall_slopes.slopes_data(found, styles)
    shown = recall_slopes.shown_classes(frame)
    chart = figure(recall_slopes.slopes_chart(shown), "slopes", recall_slopes.slopes_title(frame))
    runs = [names[row.record.id] for row in found.rows]
    cells = [_recall_cells(found, row) for row in found.rows]
    if not many_classes.is_many(found.classes):
        columns = ["run", *found.classes]
        rows = [[run, *each] for run, each in zip(runs, cells, strict=True)]
    else:  # a column per class would be too wide
        columns = ["class", *(run.text for run in runs)]
        rows = [[name, *each] for name, each in zip(found.classes, zip(*cells, strict=True), strict=True)]
    return {"figure": chart, "columns": columns, "rows": rows}


def _recall_cells(found: Comparison, row: ComparedRun) -> list[Cell]:
    """The baseline's recalls, or another run's changes in percentage points, without the unit."""
    if row.record.id == found.baseline:
        return [percent(pair.value) for pair in row.recalls]
    verdicts = [flips.verdict for flips in row.paired.per_class] if row.paired else []
    return [
        Number(value=each.difference, text=fmt.signed(each.difference * 100), verdict=each.kind) for each in verdicts
    ]


def _shared_errors(found: Comparison) -> dict[str, Any]:
    """Test images that two runs both lose: `figure`, and `rows` of pairs, the largest share first."""
    frame = shared_error_matrix.shared_errors_data(found)
    chart = figure(
        shared_error_matrix.shared_errors_chart(frame, ink=INK),
        "shared-errors",
        shared_error_matrix.shared_errors_title(frame),
    )
    pairs = frame[frame["run_id"] < frame["other_id"]].sort_values("jaccard", ascending=False)
    rows = [
        [
            f"{row['run']} and {row['other']}",
            count(row["both"]),
            percent(row["jaccard"]),
            decimal(row["by_chance"], ",.1f"),
        ]
        for row in pairs.to_dict("records")
    ]
    return {"figure": chart, "rows": rows}


def _settings(record: Record) -> list[Cell]:
    spec, result = record.spec, record.result
    made = f"{fmt.date_time(record.created)} UTC"
    images, torch = result["images"]["training"], result["environment"]["torch"]
    return [record.id, made, spec["method"], spec["epochs"], spec["seed"], images, torch]


def _checksums(records: Sequence[Record], names: Names) -> dict[str, str]:
    return {
        f"{names[record.id].text}: {name}" if name == provenance.RUN_WEIGHTS else name: digest
        for record in records
        for name, digest in provenance.checksums(record).items()
    }
