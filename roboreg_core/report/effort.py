"""Sections on what a network costs: layer by layer, in time, and what its fine-tuning looked like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roboreg_core.charts import facts, history, latency, layers, words
from roboreg_core.report.cells import HALF_WIDTH, counted, share
from roboreg_core.report.document import Cell, Figure, Number, Pair, Prose, Section, Table
from roboreg_core.report.svg import drawn
from roboreg_core.store.records import Record


def cost(record: Record) -> Section:
    """Parameters and MACs of each layer, dense against pruned."""
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


def speed(record: Record) -> Section:
    """Measured latency and throughput, dense against pruned."""
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


def curves(record: Record) -> Section:
    """Loss, accuracy and rate of each epoch; for a fine-tuned run."""
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
