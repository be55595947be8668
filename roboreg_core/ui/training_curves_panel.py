"""Training curves of a finished or running training."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from roboreg_core.charts import training_curves
from roboreg_core.networks.registry import SHIPPED
from roboreg_core.ui import panels, shared_state


def pair(frame: pd.DataFrame, name: str, key: str, dense: float | None) -> None:
    """Draw accuracy and loss per epoch side by side.

    Args:
        frame: data from `training_curves.history_data`.
        name: beginning of the widget keys.
        key: end of the widget keys, which must be unique on the page.
        dense: accuracy, 0..1, of a network to compare with, drawn as a line; None for no line.
    """
    for column, measure in zip(st.columns(2), ("accuracy", "loss"), strict=True):
        reference = dense if measure == "accuracy" else None
        draw = partial(training_curves.history_chart, measure=measure, dense=reference)
        with column:
            st.markdown(f"**{measure.capitalize()}**")
            st.vega_lite_chart(
                spec=panels.drawn(frame, f"{name}-{measure}", draw, str(reference)),
                key=f"{name}-{measure}-{key}",
                alt=training_curves.history_alt(frame, measure, reference),
            )


def show(epochs: Sequence[dict[str, Any]], key: str) -> None:
    """Draw the curves of a dense network's training; nothing without `epochs`.

    `epochs` are `EpochRecord`s as JSON objects; `key` is part of the widget keys and unique on the page.
    """
    if not epochs:
        return
    frame = training_curves.history_data(epochs)
    st.markdown(f"**{panels.escape(training_curves.history_title(frame))}**")
    example = next((each.accuracy for each in shared_state.networks() if each.origin == SHIPPED), None)
    pair(frame, "chart-network", key, example)
    st.caption(
        "Training: augmented images. Validation: images that are never trained on. Dashed: test accuracy of the "
        "example network."
    )
