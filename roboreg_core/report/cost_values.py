"""Parameters and MACs per layer, measured latency and fine-tuning curves of a run, for the report."""

from typing import Any

from roboreg_core.charts import layer_costs, measured_latency, training_curves
from roboreg_core.datasets.dataset import known_dataset
from roboreg_core.report.svg import HALF_WIDTH, figure
from roboreg_core.report.values import Cell, count, decimal, percent
from roboreg_core.runs.metric_changes import BATCHES
from roboreg_core.store.records import Record
from roboreg_core.wording import fmt, run_facts


def layer_values(record: Record) -> dict[str, Any]:
    """Values for the template of the report: parameters and MACs, dense against pruned.

    Keys: `figure`; `rows`, per layer and in total: name, filters dense and kept, and for parameters and MACs the dense
    count, the pruned one and the share kept; `file_size`, a text in kB; `image_size` in pixels.
    """
    frame = layer_costs.layers_data(record)
    chart = figure(layer_costs.layers_chart(frame), "layers", layer_costs.layers_title(frame, "parameters"))
    rows = [
        [row["layer"], int(row["filters_dense"]), int(row["filters"]), *_counts(row)]
        for row in frame.to_dict("records")
    ]
    total = frame[[f"{field}{which}" for field in layer_costs.WORDS for which in ("", "_dense")]].sum().to_dict()
    rows.append(["whole network", "", "", *_counts(total)])
    return {
        "figure": chart,
        "rows": rows,
        "file_size": fmt.kilobytes(record.result["file_bytes"]),
        "image_size": run_facts.schedule_of(record).architecture.image_size,
    }


def _counts(row: dict[Any, Any]) -> list[Cell]:
    pairs = [(int(row[f"{field}_dense"]), int(row[field])) for field in layer_costs.WORDS]
    return [cell for dense, kept in pairs for cell in (count(dense), count(kept), percent(kept / dense))]


def speed_values(record: Record) -> dict[str, Any]:
    """Values for the template of the report: latency, dense against pruned.

    Keys: `finding`; `figures`, one per batch size; `rows` with network and batch size, median, 10th and 90th percentile
    of milliseconds per batch, and images per second; `depends_on`, device, threads and repeats as text.
    """
    frame = measured_latency.latency_data(record)
    titles = {batch: "One image" if batch == 1 else f"Batch of {batch}" for batch in BATCHES}
    return {
        "finding": measured_latency.latency_title(frame),
        "figures": [
            figure(measured_latency.latency_chart(frame, batch), f"latency{batch}", title, HALF_WIDTH)
            for batch, title in titles.items()
        ],
        "rows": [_speed_row(row) for row in frame.to_dict("records")],
        "depends_on": measured_latency.latency_conditions(frame),
    }


def _speed_row(row: dict[Any, Any]) -> list[Cell]:
    times = (decimal(row[f"milliseconds{end}"], ",.2f") for end in ("", "_low", "_high"))
    return [f"{row['network']}, batch {row['batch']}", *times, decimal(row["images_per_second"], ",.0f")]


def history_values(record: Record) -> dict[str, Any]:
    """Values for the template of the report: the epochs of fine-tuning.

    Keys: `finding`; `figures` of accuracy and loss; `rows` with epoch, loss and accuracy on training images, the same
    on validation images, learning rate; `validation_images`, their number as text.
    """
    epochs = record.result["history"]
    frame = training_curves.history_data(epochs)
    lines = {"accuracy": run_facts.accuracy(record, "dense"), "loss": None}
    return {
        "finding": training_curves.history_title(frame),
        "figures": [
            figure(
                training_curves.history_chart(frame, measure, dense),
                f"history-{measure}",
                measure.capitalize(),
                HALF_WIDTH,
            )
            for measure, dense in lines.items()
        ],
        "rows": [_epoch_row(epoch) for epoch in epochs],
        "validation_images": fmt.count(known_dataset(record.spec["training_set"]).validation),
    }


def _epoch_row(epoch: dict[str, Any]) -> list[Cell]:
    cells: list[Cell] = [int(epoch["epoch"])]
    for prefix in ("", "validation_"):
        loss, accuracy = epoch.get(f"{prefix}loss"), epoch.get(f"{prefix}accuracy")
        cells.append("" if loss is None else decimal(loss, ".4f"))
        cells.append("" if accuracy is None else percent(accuracy, 2))
    return [*cells, decimal(epoch["learning_rate"], ".3g")]
