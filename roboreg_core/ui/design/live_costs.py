"""The live figures of a schedule: parameters, MACs and size against the dense network, and the predicted accuracy."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from roboreg_core.models.costs import DENSE_COST, cost
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.ui import keys, panels
from roboreg_core.ui.design import predictions
from roboreg_core.wording import fmt, run_facts


@st.fragment(key=keys.COUNTS_PART)
def live(schedule: Callable[[], Schedule]) -> None:
    """Four tiles: three counted in closed form, without building a network, and one predicted."""
    now = cost(schedule())
    flops = f"Multiply-accumulates, counted at 32 x 32; twice as many FLOPs: {fmt.millions(now.flops)}."
    counted = (
        ("Parameters", now.parameters, DENSE_COST.parameters, fmt.count, ""),
        ("MACs an image", now.macs, DENSE_COST.macs, fmt.millions, flops),
        (
            "Size on disk",
            now.size_bytes,
            DENSE_COST.size_bytes,
            fmt.kilobytes,
            "Tensors in float32, without header.",
        ),
    )
    with st.container(key=keys.COUNTS):
        columns = [*st.columns(2), *st.columns(2)]
        for column, (label, value, dense, shown, note) in zip(columns, counted, strict=False):
            with column:
                panels.cost_tile(label, run_facts.counted(value, dense), shown, note=note)
        with columns[-1], panels.errors_shown():
            predictions.tile(schedule())
        exact = "Exact counts of the network with its filters removed, not of masked zeros."
        st.caption(f"{exact} {predictions.sentences(schedule())}".strip())
