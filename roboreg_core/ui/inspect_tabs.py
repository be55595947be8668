"""The tabs of a run: report, confusion matrix, cost, history, files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from roboreg_core.charts import classes, confusion, facts, history, latency, layers, words
from roboreg_core.runs.results import card_for, predictions_csv
from roboreg_core.store.records import Record
from roboreg_core.ui import keys, made_files, panels, state
from roboreg_core.ui.inspector import STAGE_WORDS, stage

TABS = ("Report", "Confusion", "Cost", "History", "Files")
RATE = st.column_config.NumberColumn(format="percent")
F1 = st.column_config.NumberColumn("F1", format="percent")


def show(record: Record) -> None:
    """The tabs; only the open one is drawn, and the address keeps which."""
    drawers = dict(zip(TABS, (_report, _confusion, _cost, _history, _files), strict=True))
    for tab, (_, draw) in zip(
        st.tabs(TABS, key=keys.TAB, on_change="rerun", bind="query-params"), drawers.items(), strict=True
    ):
        if tab.open:
            with tab:
                draw(record)


def _report(record: Record) -> None:
    chosen = stage(record)
    report = facts.report_of(record, chosen)
    name, worst = facts.worst_class(record, chosen)
    st.markdown(
        f"The {STAGE_WORDS[chosen].lower()} network is right on **{words.percent(report['accuracy'], 2)}** of "
        f"{report['images']:,} test images (loss {report['loss']:.4f} nats). "
        f"Its worst class is **{name}**: {words.percent(worst.value)} of them are found, "
        f"{words.signed_points(worst.difference)} to dense ({worst.verdict})."
    )
    frame = classes.classes_data(record, chosen)
    left, right = st.columns(2, gap="large")
    with left:
        panels.show(
            panels.Panel(
                name="classes",
                title=classes.classes_title(frame),
                chart=classes.classes_chart,
                frame=frame,
                alt_text=classes.classes_alt(frame),
                depends=facts.depends_on(record),
            )
        )
    with right:
        table = classes.report_table(report)
        st.markdown("**Precision, recall and F1 of each class**")
        st.dataframe(
            table,
            hide_index=True,
            height="content",
            column_config=dict.fromkeys(classes.MEASURES, RATE)
            | {"f1": st.column_config.NumberColumn("F1", format="percent")},
            alt=f"Report of the {chosen} network",
        )
        _download(
            "Download report (CSV)", table.to_csv(index=False), f"report-{record.id}-{chosen}.csv", "download-report"
        )


def _confusion(record: Record) -> None:
    with st.container(horizontal=True):
        chosen = stage(record)
        shown = st.segmented_control(
            "Cells show",
            ["count", "share"],
            default="count",
            required=True,
            key=keys.CONFUSION_VALUES,
            format_func={"count": "Images", "share": "Percent of the true class"}.__getitem__,
        )
    frame = confusion.confusion_data(facts.report_of(record, chosen))
    values, ink = shown or "count", panels.ink()
    panels.show(
        panels.Panel(
            name="confusion",
            title=confusion.confusion_title(frame),
            frame=frame,
            chart=partial(confusion.confusion_chart, values=values, ink=ink),
            alt_text=confusion.confusion_alt(frame),
            variant=f"{values} {ink}",
            depends=f"{STAGE_WORDS[chosen]} network, {facts.depends_on(record)}",
            table=confusion.confusion_table(frame, values),
        )
    )


def _cost(record: Record) -> None:
    first, second, third, fourth = st.columns(4)
    with first:
        panels.cost_tile("Parameters", facts.cost_change(record, "parameters"), words.count)
    with second:
        panels.cost_tile("MACs an image", facts.cost_change(record, "macs"), words.millions)
    with third:
        panels.cost_tile("Tensors on disk", facts.cost_change(record, "size_bytes"), words.kilobytes)
    with fourth:
        st.metric(
            "Weights file",
            words.kilobytes(record.result["file_bytes"]),
            border=True,
            height="stretch",
            help="As measured, header included: the .safetensors file under Files.",
        )
    timing = latency.latency_data(record)
    st.markdown(f"**{panels.escape(latency.latency_title(timing))}**")
    for column, batch in zip(st.columns(2, gap="large"), (1, 256), strict=True):
        draw = partial(latency.latency_chart, batch=batch)
        column.vega_lite_chart(
            spec=panels.drawn(timing, "latency", draw, str(batch)),
            key=f"chart-latency-{batch}",
            alt=latency.latency_title(timing),
        )
    st.caption(panels.escape(latency.latency_depends(timing)))
    panels.as_table("latency", timing)
    frame = layers.layers_data(record)
    for column, field in zip(st.columns(2, gap="large"), ("parameters", "macs"), strict=True):
        with column:
            panels.show(_layer_panel(frame, field))


def _layer_panel(frame: pd.DataFrame, field: str) -> panels.Panel:
    return panels.Panel(
        name=f"layers-{field}",
        title=layers.layers_title(frame, field),
        frame=frame,
        variant=field,
        chart=partial(layers.layers_chart, field=field),
        alt_text=layers.layers_alt(frame, field),
        depends="Counted exactly; batch norm belongs to its convolution.",
    )


def _history(record: Record) -> None:
    if not record.result["history"]:
        st.info(
            "This run was not fine-tuned, so there are no curves. Set epochs above 0 on the Design page to get some."
        )
        return
    frame = history.history_data(record.result["history"])
    dense = facts.accuracy(record, "dense")
    st.markdown(f"**{panels.escape(history.history_title(frame))}**")
    places = {"accuracy": dense, "loss": None, "learning rate": None}
    for column, (measure, line) in zip(st.columns(3), places.items(), strict=True):
        draw = partial(history.history_chart, measure=measure, dense=line)
        column.vega_lite_chart(
            spec=panels.drawn(frame, "history", draw, f"{measure} {line}"),
            key=f"chart-history-{measure.replace(' ', '-')}",
            alt=history.history_alt(frame, measure, line),
        )
    st.caption(
        panels.escape(
            f"Training figures are on augmented {record.result['images']['training']}, validation on 2,000 images that "
            f"nothing trains on; {facts.depends_on(record)}. {facts.best_epoch_words(record)}"
        )
    )
    panels.as_table("history", frame)


def _files(record: Record) -> None:
    store, stem = state.store(), f"roboreg-{record.id}"
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**To keep**")
        names = record.result["artifacts"]
        _download(
            "Weights (.safetensors)",
            lambda: store.artifacts.get(names["weights"]),
            f"{stem}.safetensors",
            "download-weights",
            "application/octet-stream",
        )
        _download(
            "Card of the weights (JSON)", lambda: _card(record), f"{stem}.json", "download-card", "application/json"
        )
        _download(
            "Schedule (JSON)",
            panels.as_json({"schedule": record.result["schedule"]}),
            f"{stem}-schedule.json",
            "download-run-schedule",
            "application/json",
        )
        _download(
            "Predictions on all test images (CSV)",
            lambda: predictions_csv(record, store),
            f"{stem}-predictions.csv",
            "download-predictions",
        )
        _download(
            "The whole record (JSON)",
            panels.as_json({"id": record.id, "spec": record.spec, "result": record.result}),
            f"{stem}-record.json",
            "download-record",
            "application/json",
        )
        made_files.show(record)
    with right:
        st.markdown("**To repeat this run**")
        st.code(record.result["command"], language="bash", wrap_lines=True)
        st.markdown("**To measure the downloaded weights again**")
        st.code(f"python -m roboreg_core evaluate {stem}.safetensors", language="bash", wrap_lines=True)
        st.page_link(
            "pages/design.py",
            label="Open this schedule in Design",
            icon=":material/tune:",
            query_params={"s": str(facts.schedule_of(record))},
        )


def _card(record: Record) -> str:
    return panels.as_json(card_for(record, state.store().artifacts.get(record.result["artifacts"]["weights"])))


def _download(label: str, data: str | Callable[[], str | bytes], file: str, key: str, mime: str = "text/csv") -> None:
    st.download_button(label, data, file, mime, key=key, icon=":material/download:", on_click="ignore")
