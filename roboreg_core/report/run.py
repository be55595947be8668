"""The report on one run: what was kept, what it cost, class by class and layer by layer, and how it was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from roboreg_core.charts import classes, confusion, facts, history, latency, layers, words
from roboreg_core.charts.facts import Change
from roboreg_core.report import provenance
from roboreg_core.report.document import Cell, Document, Figure, Number, Pair, Prose, Section, Table, Tile
from roboreg_core.report.svg import INK, drawn
from roboreg_core.runs.results import final_stage
from roboreg_core.schedule import N_BLOCKS
from roboreg_core.store.records import Record

STAGE_WORDS = {"dense": "dense", "pruned": "pruned", "tuned": "fine-tuned"}
HALF_WIDTH = 340


def run_document(record: Record, extra: Sequence[Section] = ()) -> Document:
    """The report on a run; `extra` sections, e.g. a comparison with another run, come before how it was made."""
    return Document(
        name=facts.label(record),
        finding=facts.finding(record),
        lead=_lead(record),
        tiles=_tiles(record),
        sections=[
            _stages(record),
            _schedule(record),
            _classes(record),
            _confusion(record),
            _cost(record),
            _speed(record),
            *([_history(record)] if record.result["history"] else []),
            *extra,
            provenance.made_with(record),
            provenance.again(record),
        ],
    )


def share(value: float, digits: int = 1) -> Number:
    """A share as percent."""
    return Number(value=value, text=words.percent(value, digits))


def points(change: Change, digits: int = 1) -> Number:
    """A change of a share in points, with its verdict."""
    return Number(value=change.difference, text=words.signed_points(change.difference, digits), verdict=change.verdict)


def relative(change: Change) -> Number:
    """A change of a count in percent, with its verdict."""
    return Number(value=change.relative, text=words.signed_percent(change.relative), verdict=change.verdict)


def counted(value: float, shown: Callable[[Any], str] = words.count) -> Number:
    """A count, written by `shown`."""
    return Number(value=value, text=shown(value))


def _lead(record: Record) -> list[str]:
    change = facts.accuracy_change(record)
    sure = "within noise" if change.better is None else f"a real {change.verdict}"
    images = facts.report_of(record, "dense")["images"]
    origin = "recorded, ships with RoboReg" if record.recorded else "own"
    return [
        f"The change in accuracy, {words.signed_points(change.difference, 2)}, is {sure}: the 95 % margin of two tests "
        f"on {images:,} images is ±{change.margin * 100:.1f} points.",
        f"{facts.label(record)}. Run {record.id} ({origin}), {words.moment(record.created)} UTC.",
    ]


def _tiles(record: Record) -> list[Tile]:
    accuracy, (name, worst) = facts.accuracy_change(record), facts.worst_class(record)
    tiles = [
        Tile(label=label, value=share(change.value), change=points(change), against=_against(change))
        for label, change in (("Test accuracy", accuracy), (f"Recall of the worst class, {name}", worst))
    ]
    for label, field, shown in (("Parameters", "parameters", words.count), ("MACs an image", "macs", words.millions)):
        change = facts.cost_change(record, field)
        against = f"dense {shown(int(change.dense))}"
        tiles.append(Tile(label=label, value=counted(change.value, shown), change=relative(change), against=against))
    return tiles


def _against(change: Change) -> str:
    return f"{change.verdict}; dense {words.percent(change.dense)}"


def _stages(record: Record) -> Section:
    rows: list[Sequence[Cell]] = []
    for stage in facts.stages_of(record):
        report, change = facts.report_of(record, stage), facts.accuracy_change(record, stage)
        loss = Number(value=report["loss"], text=f"{report['loss']:.4f}")
        beside: list[Cell] = ["", "", ""]
        if stage != "dense":
            beside = [
                points(change, 2),
                Number(value=change.margin, text=f"±{change.margin * 100:.2f} points"),
                change.verdict,
            ]
        rows.append([STAGE_WORDS[stage], share(report["accuracy"], 2), loss, *beside])
    columns = ["network", "accuracy", "loss (nats)", "change to dense", "95 % margin", "verdict"]
    return Section(
        title="Accuracy",
        blocks=[
            Table(caption=f"On {record.result['images']['test']}", columns=columns, rows=rows),
            Prose(text=f"Depends on: {facts.depends_on(record)}.", kind="note"),
            *([Prose(text=facts.best_epoch_words(record), kind="note")] if record.result["history"] else []),
        ],
    )


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


def _classes(record: Record) -> Section:
    stage = final_stage(record)
    frame = classes.classes_data(record, stage)
    figure = Figure(
        title=classes.classes_title(frame),
        svg=drawn(classes.classes_chart(frame), "classes", classes.classes_alt(frame)),
    )
    report, dense = facts.report_of(record, stage), facts.report_of(record, "dense")
    rows: list[Sequence[Cell]] = []
    for row, before in zip([*report["per_class"], report["macro"], report["weighted"]], _all_rows(dense), strict=True):
        measures = [share(row[measure]) for measure in classes.MEASURES]
        change = facts.rates(row["recall"], before["recall"], row["support"])
        rows.append(
            [row["name"], *measures, counted(row["support"]), share(before["recall"]), points(change), change.verdict]
        )
    columns = ["class", "precision", "recall", "F1", "images", "dense recall", "change of recall", "verdict"]
    table = Table(caption=f"The {STAGE_WORDS[stage]} network, class by class", columns=columns, rows=rows)
    return Section(title="Classes", blocks=[figure, table])


def _all_rows(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [*report["per_class"], report["macro"], report["weighted"]]


def _confusion(record: Record) -> Section:
    frame = confusion.confusion_data(facts.report_of(record, final_stage(record)))
    chart = confusion.confusion_chart(frame, ink=INK)
    figure = Figure(
        title=confusion.confusion_title(frame), svg=drawn(chart, "confusion", confusion.confusion_alt(frame))
    )
    table = confusion.confusion_table(frame, "count")
    rows: list[Sequence[Cell]] = [
        [str(true), *(int(count) for count in row)] for true, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    columns = ["true \\ predicted", *map(str, table.columns)]
    return Section(
        title="Confusion matrix", blocks=[figure, Table(caption="As table", columns=columns, rows=rows, folded=True)]
    )


def _cost(record: Record) -> Section:
    frame = layers.layers_data(record)
    figure = Figure(
        title=layers.layers_title(frame, "parameters"),
        svg=drawn(layers.layers_chart(frame), "layers", layers.layers_alt(frame, "parameters")),
    )
    rows: list[Sequence[Cell]] = [
        [row["layer"], *(int(row[each]) for each in ("filters_dense", "filters")), *_counts(row)]
        for row in frame.to_dict("records")
    ]
    total = {f"{field}{which}": frame[f"{field}{which}"].sum() for field in layers.WORDS for which in ("", "_dense")}
    total |= {f"{field}_kept": total[field] / total[f"{field}_dense"] for field in layers.WORDS}
    rows.append(["whole network", "", "", *_counts(total)])
    columns = [
        "layer",
        "filters, dense",
        "filters",
        "parameters, dense",
        "parameters",
        "kept",
        "MACs, dense",
        "MACs",
        "kept",
    ]
    kept = f"The weights file has {words.kilobytes(record.result['file_bytes'])}. "
    text = f"{kept}Counted exactly, at 32 x 32; batch norm belongs to its convolution; FLOPs are twice the MACs."
    return Section(
        title="Cost",
        blocks=[figure, Table(caption="Layer by layer", columns=columns, rows=rows), Prose(text=text, kind="note")],
    )


def _counts(row: dict[Any, Any]) -> list[Cell]:
    cells: list[Cell] = []
    for field in layers.WORDS:
        cells += [counted(int(row[f"{field}_dense"])), counted(int(row[field])), share(float(row[f"{field}_kept"]))]
    return cells


def _speed(record: Record) -> Section:
    frame = latency.latency_data(record)
    figures = [
        Figure(
            title="One image at a time" if batch == 1 else f"In batches of {batch}",
            svg=drawn(latency.latency_chart(frame, batch), f"latency{batch}", latency.latency_title(frame), HALF_WIDTH),
        )
        for batch in (1, 256)
    ]
    decimals = "{:,.2f}".format
    rows: list[Sequence[Cell]] = [
        [
            f"{row['network']}, batch {row['batch']}",
            *(
                Number(value=row[f"milliseconds{end}"], text=decimals(row[f"milliseconds{end}"]))
                for end in ("", "_low", "_high")
            ),
            Number(value=row["images_per_second"], text=f"{row['images_per_second']:,.0f}"),
        ]
        for row in frame.to_dict("records")
    ]
    columns = ["network", "ms a batch, median", "10th percentile", "90th percentile", "images a second"]
    return Section(
        title="Speed",
        blocks=[
            Prose(text=f"{latency.latency_title(frame)}."),
            Pair(figures=figures),
            Table(caption="As measured", columns=columns, rows=rows),
            Prose(text=latency.latency_depends(frame), kind="note"),
        ],
    )


def _history(record: Record) -> Section:
    frame = history.history_data(record.result["history"])
    lines = {"accuracy": facts.accuracy(record, "dense"), "loss": None}
    figures = [
        Figure(
            title=measure.capitalize(),
            svg=drawn(
                history.history_chart(frame, measure, dense),
                f"history-{measure}",
                history.history_alt(frame, measure, dense),
                HALF_WIDTH,
            ),
        )
        for measure, dense in lines.items()
    ]
    rows = [_epoch(each) for each in record.result["history"]]
    columns = ["epoch", "loss", "accuracy", "validation loss", "validation accuracy", "rate"]
    seen = record.result["images"]["training"]
    text = f"Training figures are on augmented {seen}, validation on 2,000 images that nothing trains on."
    return Section(
        title="Fine-tuning",
        blocks=[
            Prose(text=f"{history.history_title(frame)}."),
            Pair(figures=figures),
            Table(caption="Epoch by epoch", columns=columns, rows=rows),
            Prose(text=text, kind="note"),
        ],
    )


def _epoch(epoch: dict[str, Any]) -> list[Cell]:
    cells: list[Cell] = [int(epoch["epoch"])]
    for field in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        value = epoch.get(field)
        if value is None:
            cells.append("")
        else:
            cells.append(share(value, 2) if field.endswith("accuracy") else Number(value=value, text=f"{value:.4f}"))
    return [*cells, Number(value=epoch["learning_rate"], text=f"{epoch['learning_rate']:.3g}")]
