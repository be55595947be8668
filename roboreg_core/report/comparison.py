"""The report on several runs side by side: schedules, figures against a baseline, trade-off, classes, lost images.

Every figure and verdict is the `Comparison`'s, which `compare RUN RUN --json` prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from roboreg_core.charts import comparison as compared
from roboreg_core.charts import facts, overlap, palette, slopes, strip, tradeoff, words
from roboreg_core.evaluation.paired import Verdict
from roboreg_core.report import provenance, quality
from roboreg_core.report.cells import beside, counted, judged, share
from roboreg_core.report.document import Cell, Command, Document, Faint, Figure, Number, Prose, Section, Swatch, Table
from roboreg_core.report.svg import INK, drawn
from roboreg_core.runs.compare import Comparison, Row
from roboreg_core.runs.figures import COSTS
from roboreg_core.runs.summary import DENSE
from roboreg_core.schedule import N_BLOCKS
from roboreg_core.store.records import Record

Styles = Mapping[str, palette.Style]


def comparison_document(found: Comparison, styles: Styles | None = None) -> Document:
    """The report on a comparison; `styles` are those of all runs, see `facts.styles`, without it of these."""
    records = [row.record for row in found.rows]
    styles, labels = styles or facts.styles(records), facts.labels(records)
    names = {
        run: Swatch(colour=styles[run].colour, marker=styles[run].marker, text=label) for run, label in labels.items()
    }
    title = compared.comparison_title(found)
    return Document(
        name=f"{len(records)} runs",
        finding=f"{title[:1].upper()}{title[1:]}.",
        lead=[f"{len(records)} runs; every change is against {_baseline(found)}."],
        sections=[
            _figures(found, names),
            _schedules(found, names),
            _tradeoff(records, styles),
            _classes(found, names, styles),
            _lost(found),
            _made_with(records, names),
            _again(found),
        ],
    )


def _baseline(found: Comparison) -> str:
    if found.baseline == DENSE:
        return "the dense network that the run started from"
    return f"{facts.label(found.rows[0].baseline.record)} (run {found.baseline})"


def _figures(found: Comparison, names: Mapping[str, Swatch]) -> Section:
    columns = ["run", "accuracy", "change", "worst class", "recall", "change", "verdict on accuracy"]
    costs = [
        "run", "parameters", "change", "MACs", "change", "ms an image", "change", "on the front of"
    ]  # fmt: skip
    records = [row.record for row in found.rows]
    notes = sorted({f"Accuracy: {facts.depends_on(record)}." for record in records})
    return Section(
        title="Figures",
        blocks=[
            *(Prose(text=f"Not like for like. {each.words}.", kind="warning") for each in found.unlike),
            Table(
                caption="Accuracy on 10,000 test images",
                columns=columns,
                rows=[_accuracy_row(found, row, names[row.record.id]) for row in found.rows],
            ),
            Prose(text=quality.RULE, kind="note"),
            *(Prose(text=note, kind="note") for note in notes),
            Table(
                caption="Cost",
                columns=costs,
                rows=[_cost_row(found, row, names[row.record.id]) for row in found.rows],
            ),
            Prose(
                text="On the front: no other of these runs costs at most as much and is at least as accurate. Times "
                "are medians, each run's beside those of its own baseline.",
                kind="note",
            ),
        ],
    )


def _accuracy_row(found: Comparison, row: Row, name: Swatch) -> list[Cell]:
    hardest = min(range(len(row.recalls)), key=lambda place: row.recalls[place].value)
    recall, verdict = row.recalls[hardest].value, row.paired.per_class[hardest].verdict
    cells: list[Cell] = [name, share(row.accuracy.value, 2)]
    itself = row.record.id == found.baseline
    cells += ["baseline" if itself else judged(row.paired.verdict, 2), found.classes[hardest], share(recall)]
    return [*cells, *(["", ""] if itself else [judged(verdict), row.paired.verdict.words])]


def _cost_row(found: Comparison, row: Row, name: Swatch) -> list[Cell]:
    cells: list[Cell] = [name]
    for field, shown in (("parameters", words.count), ("macs", words.millions), ("latency", "{:.2f}".format)):
        pair = row.counts[field]
        cells += [counted(pair.value, shown), "" if row.record.id == found.baseline else beside(pair)]
    fronts = [tradeoff.COST_WORDS[cost] for cost in COSTS if row.front[cost]]
    return [*cells, ", ".join(fronts)]


def _schedules(found: Comparison, names: Mapping[str, Swatch]) -> Section:
    frame = strip.strip_data(found)
    figure = Figure(
        title=strip.strip_title(frame), svg=drawn(strip.strip_chart(frame, ink=INK), "strip", strip.strip_alt(frame))
    )
    rows: list[Sequence[Cell]] = []
    for row in found.rows:
        kept = [Number(value=each, text=str(each)) for each in row.record.result["schedule"]]
        cells = (each if differs else Faint(cell=each) for each, differs in zip(kept, found.differs, strict=True))
        rows.append([names[row.record.id], *cells])
    columns = ["filters kept", *(f"block {block}" for block in range(1, N_BLOCKS + 1))]
    return Section(
        title="Schedules",
        blocks=[
            figure,
            Table(caption="Block by block", columns=columns, rows=rows),
            Prose(text="The picture leaves out, and the table dims, blocks where all agree.", kind="note"),
        ],
    )


def _tradeoff(records: Sequence[Record], styles: Styles) -> Section:
    figures = []
    for cost in COSTS:
        frame = tradeoff.tradeoff_data(records, cost, styles)
        drawing = drawn(tradeoff.tradeoff_chart(frame, cost), f"tradeoff-{cost}", tradeoff.tradeoff_alt(frame, cost))
        figures.append(Figure(title=tradeoff.tradeoff_title(frame, cost), svg=drawing))
    note = (
        "Colours and markers as in the tables; small dots are networks before fine-tuning. Hollow: recorded; filled: "
        "own. Dashed: the dense network; dotted: the front that no other network beats."
    )
    return Section(title="Accuracy against cost", blocks=[*figures, Prose(text=note, kind="note")])


def _classes(found: Comparison, names: Mapping[str, Swatch], styles: Styles) -> Section:
    frame = slopes.slopes_data(found, styles)
    figure = Figure(
        title=slopes.slopes_title(frame), svg=drawn(slopes.slopes_chart(frame), "slopes", slopes.slopes_alt(frame))
    )
    rows: list[Sequence[Cell]] = []
    for row in found.rows:
        if row.record.id == found.baseline:
            rows.append([names[row.record.id], *(share(pair.value) for pair in row.recalls)])
        else:
            rows.append([names[row.record.id], *(_plain(each.verdict) for each in row.paired.per_class)])
    table = Table(
        caption="Change of each class's recall in points; coloured where it is real",
        columns=["run", *found.classes],
        rows=rows,
    )
    note = "The baseline's own row, where it is among the runs, holds its recalls."
    return Section(title="Classes", blocks=[figure, table, Prose(text=note, kind="note")])


def _plain(verdict: Verdict) -> Number:
    """A change in points without its unit, for a table of nothing else."""
    return Number(value=verdict.difference, text=words.signed(verdict.difference * 100), verdict=verdict.kind)


def _lost(found: Comparison) -> Section:
    frame = overlap.overlap_data(found)
    drawing = drawn(overlap.overlap_chart(frame, ink=INK), "overlap", overlap.overlap_alt(frame))
    pairs = frame[frame["run_id"] < frame["other_id"]].sort_values("jaccard", ascending=False)
    rows: list[Sequence[Cell]] = [
        [
            f"{row['run']} and {row['other']}",
            counted(row["both"]),
            share(row["jaccard"]),
            Number(value=row["by_chance"], text=f"{row['by_chance']:,.1f}"),
        ]
        for row in pairs.to_dict("records")
    ]
    columns = ["runs", "images lost by both", "of those lost by either", "by chance alone"]
    return Section(
        title="Images lost alike",
        blocks=[
            Figure(title=overlap.overlap_title(frame), svg=drawing),
            Prose(text="Lost: right in a run's dense network, wrong in its final one.", kind="note"),
            Table(caption="Pairs of runs", columns=columns, rows=rows, folded=True),
        ],
    )


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
        f"{names[record.id].text}: {name}" if name == provenance.OWN_WEIGHTS else name: digest
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


def _again(found: Comparison) -> Section:
    ids = " ".join(row.record.id for row in found.rows)
    baseline = provenance.option(found.baseline)
    repeat = [
        Command(purpose=f"Repeat {facts.label(row.record)}:", line=row.record.result["command"]) for row in found.rows
    ]
    figures = Command(
        purpose="Print every figure of it:", line=f"python -m roboreg_core compare {ids}{baseline} --json"
    )
    write = Command(
        purpose="Write this report:", line=f"python -m roboreg_core report {ids}{baseline} --out comparison.html"
    )
    return Section(title="To get these figures again", blocks=[*repeat, figures, write])
