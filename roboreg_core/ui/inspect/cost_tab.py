"""Cost tab: exact counts, file size, measured latency, and costs per layer."""

from functools import partial

import pandas as pd
import streamlit as st

from roboreg_core.charts import layer_costs, measured_latency
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import panels
from roboreg_core.wording import baseline_changes, fmt


def show(summary: Summary) -> None:
    """Draw the tab Cost: parameters, MACs and file size, measured latency, and charts of the costs per layer."""
    _tiles(summary)
    _speed(summary)
    other = None if baseline_changes.is_dense(summary) else summary.baseline.record
    frame = layer_costs.layers_data(summary.record, other)
    for column, field in zip(st.columns(2, gap="large"), ("parameters", "macs"), strict=True):
        with column:
            _layer_panel(frame, field).show()


def _tiles(summary: Summary) -> None:
    baseline = baseline_changes.short_name(summary)
    first, second, third, fourth = st.columns(4)
    with first:
        panels.cost_tile("Parameters", baseline_changes.counted(summary, "parameters"), fmt.count, baseline=baseline)
    with second:
        panels.cost_tile("MACs per image", baseline_changes.counted(summary, "macs"), fmt.millions, baseline=baseline)
    with third:
        size = baseline_changes.counted(summary, "size_bytes")
        panels.cost_tile("Size on disk", size, fmt.kilobytes, "float32, without header.", baseline, "less")
    with fourth:
        st.metric(
            "Weights file",
            fmt.kilobytes(summary.record.result["file_bytes"]),
            border=True,
            height="stretch",
            help="The .safetensors file under Files, header included.",
        )


def _speed(summary: Summary) -> None:
    timing = measured_latency.latency_data(
        summary.record, None if baseline_changes.is_dense(summary) else summary.speeds
    )
    title = measured_latency.latency_title(timing)
    st.markdown(f"**{panels.escape(title)}**")
    for column, batch in zip(st.columns(2, gap="large"), (1, 256), strict=True):
        draw = partial(measured_latency.latency_chart, batch=batch)
        column.vega_lite_chart(
            spec=panels.drawn(timing, "latency", draw, str(batch)), key=f"chart-latency-{batch}", alt=title
        )
    st.caption(panels.escape(measured_latency.latency_conditions(timing)))
    panels.as_table("latency", timing)


def _layer_panel(frame: pd.DataFrame, field: str) -> panels.Panel:
    return panels.Panel(
        name=f"layers-{field}",
        title=layer_costs.layers_title(frame, field),
        frame=frame,
        variant=field,
        chart=partial(layer_costs.layers_chart, field=field),
        alt_text=layer_costs.layers_alt(frame, field),
        depends="Exact counts; batch norm is added to its convolution.",
    )
