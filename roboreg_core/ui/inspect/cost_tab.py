"""Cost: exact counts, the file, measured speed, and a row a layer."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from roboreg_core.charts import layer_costs, measured_latency
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import panels
from roboreg_core.wording import baseline_changes, fmt


def show(summary: Summary) -> None:
    """The tab."""
    _tiles(summary)
    _speed(summary)
    other = None if baseline_changes.is_dense(summary) else summary.baseline.record
    frame = layer_costs.layers_data(summary.record, other)
    for column, field in zip(st.columns(2, gap="large"), ("parameters", "macs"), strict=True):
        with column:
            panels.show(_layer_panel(frame, field))


def _tiles(summary: Summary) -> None:
    baseline = baseline_changes.short_name(summary)
    first, second, third, fourth = st.columns(4)
    with first:
        panels.cost_tile("Parameters", baseline_changes.counted(summary, "parameters"), fmt.count, baseline=baseline)
    with second:
        panels.cost_tile("MACs an image", baseline_changes.counted(summary, "macs"), fmt.millions, baseline=baseline)
    with third:
        panels.cost_tile(
            "Tensors on disk", baseline_changes.counted(summary, "size_bytes"), fmt.kilobytes, baseline=baseline
        )
    with fourth:
        st.metric(
            "Weights file",
            fmt.kilobytes(summary.record.result["file_bytes"]),
            border=True,
            height="stretch",
            help="As measured, header included: the .safetensors file under Files.",
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
    st.caption(panels.escape(measured_latency.latency_depends(timing)))
    panels.as_table("latency", timing)


def _layer_panel(frame: pd.DataFrame, field: str) -> panels.Panel:
    return panels.Panel(
        name=f"layers-{field}",
        title=layer_costs.layers_title(frame, field),
        frame=frame,
        variant=field,
        chart=partial(layer_costs.layers_chart, field=field),
        alt_text=layer_costs.layers_alt(frame, field),
        depends="Counted exactly; batch norm belongs to its convolution.",
    )
