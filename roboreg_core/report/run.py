"""The report on one run: what was kept, what it cost, class by class and layer by layer, and how it was made."""

from __future__ import annotations

from collections.abc import Sequence

from roboreg_core.charts import facts, words
from roboreg_core.charts.facts import Change
from roboreg_core.evaluation.paired import compare
from roboreg_core.report import effort, provenance, quality
from roboreg_core.report.cells import counted, points, relative, share
from roboreg_core.report.document import Cell, Document, Prose, Section, Table, Tile
from roboreg_core.runs.summary import DENSE, Summary
from roboreg_core.schedule import N_BLOCKS
from roboreg_core.store.records import Record


def run_document(found: Summary) -> Document:
    """The report on a run beside its baseline."""
    record = found.record
    against = "dense" if found.baseline.name == DENSE else "baseline"
    return Document(
        name=facts.label(record),
        finding=facts.finding(record, _dense_change(found)),
        lead=_lead(found),
        tiles=_tiles(found, against),
        sections=[
            quality.stages(found, against),
            quality.followed(found),
            _schedule(record),
            quality.by_class(found, against),
            quality.confusions(found, against),
            effort.cost(record),
            effort.speed(record),
            *([effort.curves(record)] if record.result["history"] else []),
            provenance.made_with(record),
            provenance.again(record, found.baseline.name),
        ],
    )


def _dense_change(found: Summary) -> Change:
    """Accuracy against the run's own dense network, which is what the first sentence speaks of."""
    record, predicted = found.record, found.predictions
    verdict = compare(found.labels, predicted[DENSE].classes, predicted[found.final].classes).verdict
    return facts.judged(facts.accuracy(record), facts.accuracy(record, DENSE), verdict)


def _lead(found: Summary) -> list[str]:
    record, verdict = found.record, found.paired[found.final].verdict
    baseline = found.baseline
    against = "Against the dense network"
    if baseline.name != DENSE:
        against = f"That is against the dense network. Against the baseline, {facts.label(baseline.record)} (run "
        against += f"{baseline.name})"
    origin = "recorded, ships with RoboReg" if record.recorded else "own"
    return [
        f"{against}, on the same {len(found.labels):,} test images: {verdict.words}; the change in accuracy is "
        f"{words.signed(verdict.difference * 100, 2)} ± {verdict.margin * 100:.2f} points.",
        f"{facts.label(record)}. Run {record.id} ({origin}), {words.moment(record.created)} UTC.",
        *(f"Not like for like. {each.words}." for each in found.unlike),
    ]


def _tiles(found: Summary, against: str) -> list[Tile]:
    before, last = found.baseline.report, found.paired[found.final]
    worst = found.worst_class()
    place = found.classes.index(worst["name"])
    accuracy = facts.judged(facts.accuracy(found.record), before["accuracy"], last.verdict)
    recall = facts.judged(worst["recall"], before["per_class"][place]["recall"], last.per_class[place].verdict)
    tiles = [
        Tile(
            label=label,
            value=share(change.value),
            change=points(change),
            against=f"{change.verdict}; {against} {words.percent(change.dense)}",
        )
        for label, change in (("Test accuracy", accuracy), (f"Recall of the worst class, {worst['name']}", recall))
    ]
    for label, field, shown in (("Parameters", "parameters", words.count), ("FLOPs an image", "flops", words.millions)):
        pair = found.counts[field]
        change = facts.counted(pair.value, pair.baseline)
        beside = f"{against} {shown(int(pair.baseline))}"
        tiles.append(Tile(label=label, value=counted(pair.value, shown), change=relative(change), against=beside))
    return tiles


def _schedule(record: Record) -> Section:
    rows: list[Sequence[Cell]] = [
        [meaning, *(int(block[field]) for block in record.result["pruning"]["blocks"])]
        for field, meaning in (("before", "dense"), ("asked", "asked"), ("kept", "kept"))
    ]
    columns = ["filters", *(f"block {block}" for block in range(1, N_BLOCKS + 1))]
    notes = [Prose(text=note, kind="note") for note in record.result["pruning"]["notes"]]
    schedule = facts.schedule_of(record)
    return Section(
        title=f"Schedule: {schedule.label}", blocks=[Table(caption=str(schedule), columns=columns, rows=rows), *notes]
    )
