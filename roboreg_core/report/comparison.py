"""The report on several runs beside each other: schedules, figures against a baseline, trade-off, classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from roboreg_core.charts import facts, latency, palette, tradeoff, words
from roboreg_core.errors import ReportError
from roboreg_core.report import provenance
from roboreg_core.report.document import Cell, Command, Document, Faint, Figure, Number, Prose, Section, Swatch, Table
from roboreg_core.report.run import counted, points, relative, share
from roboreg_core.report.svg import drawn
from roboreg_core.runs.results import final_stage
from roboreg_core.schedule import N_BLOCKS
from roboreg_core.store.records import Record

MOST = 16
# Setting -> how a reader calls it; where these differ, accuracies differ for more than the schedule's sake.
_LIKE = {
    "training_set": "training images",
    "epochs": "epochs of fine-tuning",
    "seed": "seed",
    "dense_sha256": "dense network",
}


def comparison_document(
    records: Sequence[Record], verdicts: Mapping[str, str] | None = None, extra: Sequence[Section] = ()
) -> Document:
    """The report on 2 to 16 runs; the first is the baseline of every change.

    Args:
        records: the runs, in the order of the tables.
        verdicts: run id -> words on its change of accuracy, in place of the margin of two independent samples.
        extra: sections that come before how the runs were made.

    Raises `ReportError` on another number of runs, or on one that is named twice.
    """
    if not 2 <= len(records) <= MOST:
        raise ReportError(f"a comparison takes 2..{MOST} runs, got {len(records)}; name as many")
    if len({record.id for record in records}) < len(records):
        raise ReportError(f"a comparison takes each run once, got {len(records)} with one twice; name it once")
    colours = palette.run_colours(record.id for record in sorted(records, key=lambda each: each.created))
    names = {record.id: Swatch(colour=colours[record.id], text=facts.label(record)) for record in records}
    return Document(
        name=f"{len(records)} runs",
        finding=_finding(records),
        lead=[f"{len(records)} runs; every change is against the first, {facts.label(records[0])}."],
        sections=[
            _figures(records, names, verdicts or {}),
            _schedules(records, names),
            _tradeoff(records),
            _classes(records, names),
            *extra,
            _made_with(records, names),
            _again(records),
        ],
    )


def unlike(records: Sequence[Record]) -> list[str]:
    """Settings beside the schedule in which runs differ, a sentence each; empty where they are like for like."""
    found = {name: {str(record.spec[field]) for record in records} for field, name in _LIKE.items()}
    return [
        f"Not like for like: the runs differ in {name} ({', '.join(sorted(each[:12] for each in values))})."
        for name, values in found.items()
        if len(values) > 1
    ]


def _finding(records: Sequence[Record]) -> str:
    best = facts.best_run(records)
    if best is None:
        return "None of these networks is pruned."
    return f"{facts.finding(best)[:-1]}: {facts.best_reason(best)}, of these {len(records)} runs."


def _figures(records: Sequence[Record], names: Mapping[str, Swatch], verdicts: Mapping[str, str]) -> Section:
    baseline = records[0]
    rows = [_figure_row(record, baseline, names[record.id], verdicts.get(record.id)) for record in records]
    columns = ["run", "accuracy", "change", "verdict", "parameters", "change", "MACs", "change", "ms an image"]
    notes = {f"{facts.depends_on(record)}." for record in records}
    timing = {latency.latency_depends(latency.latency_data(record)) for record in records}
    warnings = [Prose(text=text, kind="warning") for text in unlike(records)]
    rule = (
        "Within noise: smaller than the 95 % margin of two independent tests on as many images."
        if not verdicts
        else "Verdicts are of paired tests: both networks saw the same images."
    )
    return Section(
        title="Figures",
        blocks=[
            *warnings,
            Table(caption="After the last stage, on 10,000 test images", columns=columns, rows=rows),
            Prose(text=rule, kind="note"),
            *(Prose(text=f"Accuracy: {text}", kind="note") for text in sorted(notes)),
            *(Prose(text=f"Time of one image: {text}", kind="note") for text in sorted(timing)),
        ],
    )


def _figure_row(record: Record, baseline: Record, name: Swatch, verdict: str | None) -> list[Cell]:
    value, images = facts.accuracy(record), facts.report_of(record, final_stage(record))["images"]
    cells: list[Cell] = [name, share(value, 2)]
    itself = record.id == baseline.id
    change = facts.rates(value, facts.accuracy(baseline), images)
    cells += ["baseline", ""] if itself else [points(change, 2), verdict or change.verdict]
    for field, shown in (("parameters", words.count), ("macs", words.millions)):
        count, before = (each.result["cost"][field] for each in (record, baseline))
        cells += [counted(count, shown), "" if itself else relative(facts.counted(count, before))]
    milliseconds = record.result["latency"]["final_batch_1"]["median"] * 1e3
    return [*cells, Number(value=milliseconds, text=f"{milliseconds:.2f}")]


def _schedules(records: Sequence[Record], names: Mapping[str, Swatch]) -> Section:
    first = facts.schedule_of(records[0]).clusters
    rows: list[list[Cell]] = []
    for record in records:
        clusters = facts.schedule_of(record).clusters
        same = [record is not records[0] and here == there for here, there in zip(clusters, first, strict=True)]
        kept = [Number(value=each, text=str(each)) for each in clusters]
        rows.append([names[record.id], *(Faint(cell=each) if s else each for each, s in zip(kept, same, strict=True))])
    columns = ["filters kept", *(f"block {block}" for block in range(1, N_BLOCKS + 1))]
    note = Prose(text="Faint: the same as in the first run.", kind="note")
    return Section(title="Schedules", blocks=[Table(caption="Block by block", columns=columns, rows=rows), note])


def _tradeoff(records: Sequence[Record]) -> Section:
    frame = tradeoff.tradeoff_data(records)
    figure = Figure(
        title=tradeoff.tradeoff_title(frame),
        svg=drawn(tradeoff.tradeoff_chart(frame), "tradeoff", tradeoff.tradeoff_alt(frame)),
    )
    note = (
        "Colours as in the tables. Hollow: recorded; filled: own. Dashed: the dense network; dotted: the front that no "
        "smaller network beats."
    )
    return Section(title="Accuracy against size", blocks=[figure, Prose(text=note, kind="note")])


def _classes(records: Sequence[Record], names: Mapping[str, Swatch]) -> Section:
    baseline = facts.report_of(records[0], final_stage(records[0]))["per_class"]
    rows: list[list[Cell]] = []
    for record in records:
        per_class = facts.report_of(record, final_stage(record))["per_class"]
        if record is records[0]:
            rows.append([names[record.id], *(share(row["recall"]) for row in per_class)])
            continue
        changes = [
            facts.rates(row["recall"], before["recall"], row["support"])
            for row, before in zip(per_class, baseline, strict=True)
        ]
        rows.append([names[record.id], *(points(change) for change in changes)])
    columns = ["run", *(row["name"] for row in baseline)]
    caption = "Recall of each class in the first run, and its change in the others"
    return Section(title="Classes", blocks=[Table(caption=caption, columns=columns, rows=rows)])


def _made_with(records: Sequence[Record], names: Mapping[str, Swatch]) -> Section:
    rows: list[list[Cell]] = [
        [
            names[record.id],
            record.id,
            f"{words.moment(record.created)} UTC",
            record.spec["method"],
            record.spec["epochs"],
            record.spec["seed"],
            record.result["images"]["training"],
            record.result["environment"]["torch"],
        ]
        for record in records
    ]
    columns = ["run", "id", "made", "method", "epochs", "seed", "training images", "torch"]
    sums = {
        f"{facts.label(record)}: {name}" if name == provenance.OWN_WEIGHTS else name: digest
        for record in records
        for name, digest in provenance.checksums(record).items()
        if not name.startswith("logits")
    }
    return Section(
        title="What they were made with",
        blocks=[
            Table(caption="Settings and versions", columns=columns, rows=rows),
            Table(caption="SHA-256", columns=["of", "sum"], rows=list(sums.items())),
            Prose(text=provenance.SUMS, kind="note"),
        ],
    )


def _again(records: Sequence[Record]) -> Section:
    ids = " ".join(record.id for record in records)
    repeat = [Command(purpose=f"Repeat {facts.label(each)}:", line=each.result["command"]) for each in records]
    write = Command(purpose="Write this report:", line=f"python -m roboreg_core report {ids} --out comparison.html")
    return Section(title="To get these figures again", blocks=[*repeat, write])
