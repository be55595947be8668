"""The report on one run against its baseline."""

from collections.abc import Callable
from typing import Any

from roboreg_core.charts import many_classes
from roboreg_core.evaluation.paired_tests import ALPHA, compare
from roboreg_core.report import accuracy_values, cost_values, provenance
from roboreg_core.report.jinja_environment import render
from roboreg_core.report.values import Number, Rows, percent, points
from roboreg_core.runs.metric_changes import MetricChange
from roboreg_core.runs.summary import DENSE, Summary
from roboreg_core.store.records import Record
from roboreg_core.wording import baseline_changes, fmt, run_facts, run_settings
from roboreg_core.wording.run_metrics import METRICS


def run_html(found: Summary) -> str:
    """Report on a run against its baseline as HTML.

    Raises `ReportError`: a chart contains more than shapes and text.
    """
    record, fine_tuned = found.record, bool(found.record.result["history"])
    against = baseline_changes.short_name(found)
    return render(
        "run.html.j2",
        record=record,
        name=run_facts.label(record),
        finding=_finding(found),
        lead=_lead(found),
        against=against,
        tiles=_tiles(found, against),
        accuracy=accuracy_values.accuracy_rows(found),
        accuracy_depends_on=run_facts.depends_on(record),
        class_names=found.classes,
        classes_note=many_classes.figures_note(found.classes),
        alpha=ALPHA,
        changes=accuracy_values.changed_prediction_values(found),
        schedule=run_facts.schedule_of(record),
        blocks=[f"block {block}" for block in run_facts.schedule_of(record).architecture.blocks],
        filters=_filter_rows(record),
        final_stage=fmt.STAGE_WORDS[found.final],
        classes=accuracy_values.class_values(found),
        confusion=accuracy_values.confusion_values(found, against),
        layers=cost_values.layer_values(record),
        speed=cost_values.speed_values(record),
        history=cost_values.history_values(record) if fine_tuned else None,
        best_epoch=run_facts.best_epoch_words(record) if fine_tuned else None,
        settings=run_settings.settings_of(record),
        checksums=provenance.checksums(record) | provenance.logits_checksums(record),
        baseline_option=provenance.baseline_option(found.baseline.name),
    )


def _finding(found: Summary) -> str:
    """One sentence on the run against its dense network, whatever the baseline."""
    record, predicted = found.record, found.predictions
    verdict = compare(
        found.labels, predicted[DENSE].classes, predicted[found.final].classes, len(found.classes)
    ).verdict
    return run_facts.finding(
        record, run_facts.judged(run_facts.accuracy(record), run_facts.accuracy(record, DENSE), verdict)
    )


def _lead(found: Summary) -> list[str]:
    record, verdict = found.record, found.paired[found.final].verdict
    baseline = found.baseline
    against = "Against the dense network"
    if baseline.name != DENSE:
        other = f"{run_facts.label(baseline.record)} (run {baseline.name})"
        against = f"The finding above is against the dense network; the baseline is {other}. Against it"
    origin = "example run" if record.recorded else "your run"
    return [
        f"{against}, on the same {len(found.labels):,} test images: {verdict.words}; the change of accuracy "
        f"is {fmt.signed(verdict.difference * 100, 2)} ± {verdict.margin * 100:.2f}{fmt.NBSP}pp.",
        f"{run_facts.label(record)}. Run {record.id} ({origin}), {fmt.date_time(record.created)} UTC.",
        *(f"Not directly comparable. {each.words}." for each in found.unlike),
    ]


def _tiles(found: Summary, against: str) -> list[dict[str, Any]]:
    """The main metrics, each with its change and the baseline's value."""
    worst, recall = baseline_changes.worst_class(found)
    return [
        _rate_tile("Test accuracy", baseline_changes.accuracy(found), against),
        _rate_tile(f"Worst-class recall ({worst})", recall, against),
        _count_tile("Parameters", found.counts["parameters"], METRICS["parameters"].text, against),
        _count_tile("FLOPs per image", found.counts["flops"], fmt.millions, against),
    ]


def _rate_tile(label: str, rate: run_facts.JudgedChange, against: str) -> dict[str, Any]:
    change = points(rate.difference, verdict=rate.verdict)
    beside = f"{rate.words}; {against} {fmt.percent(rate.baseline)}"
    return {"label": label, "value": percent(rate.value), "change": change, "against": beside}


def _count_tile(label: str, pair: MetricChange, text: Callable[[float], str], against: str) -> dict[str, Any]:
    verdict = run_facts.counted(pair.value, pair.baseline).verdict
    change = Number(value=pair.relative, text=fmt.signed_percent(pair.relative), verdict=verdict)
    value = Number(value=pair.value, text=text(pair.value))
    return {"label": label, "value": value, "change": change, "against": f"{against} {text(pair.baseline)}"}


def _filter_rows(record: Record) -> Rows:
    """Filters per block: dense, requested and kept."""
    fields = {"dense": "before", "requested": "asked", "kept": "kept"}
    return [
        [name, *(int(block[field]) for block in record.result["pruning"]["blocks"])] for name, field in fields.items()
    ]
