"""The curves of a training from scratch, finished or so far, with the shipped network's accuracy for reference."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from roboreg_core.baselines.known import SHIPPED
from roboreg_core.charts import history
from roboreg_core.ui import panels, state


def show(epochs: Sequence[dict[str, Any]], key: str) -> None:
    """Accuracy and loss by epoch, side by side, from `EpochRecord`s as JSON; `key` tells a page's curves apart."""
    frame = history.history_data(epochs)
    st.markdown(f"**{panels.escape(history.history_title(frame))}**")
    shipped = next((each.accuracy for each in state.networks() if each.origin == SHIPPED), None)
    for column, measure in zip(st.columns(2), ("accuracy", "loss"), strict=True):
        reference = shipped if measure == "accuracy" else None
        draw = partial(history.history_chart, measure=measure, dense=reference)
        with column:
            st.markdown(f"{measure.capitalize()}")
            st.vega_lite_chart(
                spec=panels.drawn(frame, f"network-{measure}", draw, str(reference)),
                key=f"chart-network-{measure}-{key}",
                alt=history.history_alt(frame, measure, reference),
            )
    st.caption(
        "Training figures are on augmented images, validation on 2,000 images that nothing trains on. Dashed: the "
        "network that ships with the project, on test images."
    )
