"""The live figures of a schedule: parameters, MACs, FLOPs and size, each against the dense network."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from roboreg_core.charts import facts, words
from roboreg_core.model.cost import DENSE_COST, cost
from roboreg_core.schedule import Schedule
from roboreg_core.ui import keys, panels


@st.fragment(key=keys.COUNTS_PART)
def live(schedule: Callable[[], Schedule]) -> None:
    """Four tiles, counted in closed form: no network is built."""
    now = cost(schedule())
    pairs = (
        ("Parameters", now.parameters, DENSE_COST.parameters, words.count, ""),
        ("MACs an image", now.macs, DENSE_COST.macs, words.millions, "Multiply-accumulates, counted at 32 x 32."),
        ("FLOPs an image", now.flops, DENSE_COST.flops, words.millions, "Two a multiply-accumulate."),
        ("Size on disk", now.size_bytes, DENSE_COST.size_bytes, words.kilobytes, "Tensors in float32, without header."),
    )
    with st.container(key=keys.COUNTS):
        for first in (0, 2):
            for column, (label, value, dense, shown, note) in zip(st.columns(2), pairs[first : first + 2], strict=True):
                with column:
                    panels.cost_tile(label, facts.counted(value, dense), shown, note=note)
        st.caption("Exact counts of the network with its filters removed, not of masked zeros.")
