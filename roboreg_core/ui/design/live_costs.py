"""Live figures of a schedule: parameters, MACs and size against the dense network, and predicted accuracy."""

from collections.abc import Callable

import streamlit as st

from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.ui import keys, panels
from roboreg_core.ui.design import predictions
from roboreg_core.wording import fmt, run_facts


@panels.fragment(key=keys.COUNTS_PART)
def live(schedule: Callable[[], Schedule]) -> None:
    """Draw tiles for the schedule that `schedule()` returns: parameters, MACs, size, and predicted accuracy."""
    now, whole = cost(schedule()), cost(schedule().dense)
    size = schedule().architecture.image_size
    flops = f"Multiply-accumulates at {size} × {size} pixels; {fmt.millions(now.flops)} FLOPs."
    counted = (
        ("Parameters", now.parameters, whole.parameters, fmt.count, "", "fewer"),
        ("MACs per image", now.macs, whole.macs, fmt.millions, flops, "fewer"),
        ("Size on disk", now.size_bytes, whole.size_bytes, fmt.kilobytes, "float32, without header.", "less"),
    )
    with st.container(key=keys.COUNTS):
        columns = [*st.columns(2), *st.columns(2)]
        for column, (label, value, dense, shown, note, less) in zip(columns, counted, strict=False):
            with column:
                panels.cost_tile(label, run_facts.counted(value, dense), shown, note, less=less)
        with columns[-1], panels.errors_shown():
            predictions.tile(schedule())
        exact = "Exact counts of the network with its filters removed, not masked."
        st.caption(f"{exact} {predictions.sentences(schedule())}".strip())
