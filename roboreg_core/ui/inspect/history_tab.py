"""History tab: loss, accuracy and learning rate per epoch of fine-tuning."""

from functools import partial

import streamlit as st

from roboreg_core.charts import training_curves
from roboreg_core.datasets.dataset import known_dataset
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import panels
from roboreg_core.wording import baseline_changes, run_facts


def show(summary: Summary) -> None:
    """Draw the tab History: loss, accuracy and learning rate per epoch, or a notice if the run was not fine-tuned."""
    record = summary.record
    if not record.result["history"]:
        st.info(
            "This run was not fine-tuned, so there are no curves. Set fine-tuning epochs above 0 on "
            "Design to get curves."
        )
        return
    frame = training_curves.history_data(record.result["history"])
    st.markdown(f"**{panels.escape(training_curves.history_title(frame))}**")
    for column, measure in zip(st.columns(3), ("accuracy", "loss", "learning rate"), strict=True):
        with column:
            _curve(summary, measure)
    validation = known_dataset(record.spec["training_set"]).validation
    st.caption(
        panels.escape(
            f"Training: augmented {record.result['images']['training']}. Validation: {validation:,} images that "
            f"are never trained on. {run_facts.depends_on(record)}. {run_facts.best_epoch_words(record)}"
        )
    )
    panels.as_table("history", frame)


def _curve(summary: Summary, measure: str) -> None:
    frame = training_curves.history_data(summary.record.result["history"])
    dense = other = None
    if measure == "accuracy":
        dense = run_facts.accuracy(summary.record, "dense")
        other = None if baseline_changes.is_dense(summary) else summary.baseline.report["accuracy"]
    draw = partial(training_curves.history_chart, measure=measure, dense=dense, baseline=other)
    st.vega_lite_chart(
        spec=panels.drawn(frame, "history", draw, f"{measure} {dense} {other}"),
        key=f"chart-history-{measure.replace(' ', '-')}",
        alt=training_curves.history_alt(frame, measure, dense),
    )
