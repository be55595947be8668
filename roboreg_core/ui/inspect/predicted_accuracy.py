"""Accuracy of a run, predicted without its own measurement, beside the measurement."""

from collections.abc import Sequence

import streamlit as st

from roboreg_core.charts import predicted_vs_measured
from roboreg_core.errors import RoboRegError
from roboreg_core.prediction.forecast import TUNED, PredictionSettings, ScoredPrediction
from roboreg_core.runs.spec import RunSpec
from roboreg_core.store.records import Record
from roboreg_core.ui import panels, predictor_cache
from roboreg_core.ui.predictor_cache import ScoredForecast
from roboreg_core.wording import fmt

# The predictor is fitted within seconds of the first visit.
POLL_SECONDS = 2.0
_AFTER = {TUNED: "after fine-tuning"}


def line(record: Record) -> None:
    """Draw a line with the predicted and measured accuracies of a run; nothing while there is no prediction."""
    try:
        spec = RunSpec.from_json(record.spec)
    except (RoboRegError, TypeError):
        return  # stored by another version of the code
    if spec.weights() is not None or spec.schedule.is_dense:
        return  # no filters are removed
    settings = PredictionSettings.of(spec)
    found = predictor_cache.shared().get(settings)
    if found is None:
        panels.fragment(_poll, run_every=POLL_SECONDS)(settings, record.id)
    else:
        _caption(found, record.id)


def _poll(settings: PredictionSettings, run: str) -> None:
    """Show the line once the predictor is fitted, without redrawing the page, which may be left at any moment."""
    found = predictor_cache.shared().get(settings)
    if found is not None:
        _caption(found, run)


def _caption(found: ScoredForecast, run: str) -> None:
    predicted = text([row for row in found.scored if row.record == run])
    if predicted:
        st.caption(panels.escape(f"{predicted} {predicted_vs_measured.score_words(found.score)}."))


def text(rows: Sequence[ScoredPrediction]) -> str:
    """Sentence with each predicted accuracy, its interval and the measured accuracy; empty without `rows`."""
    stages = "; ".join(
        f"{_AFTER.get(row.stage, 'right after pruning')} "
        f"{predicted_vs_measured.prediction_words(row.predicted, row.low, row.high)}, "
        f"measured {fmt.percent(row.measured)} on the {row.images} images"
        for row in rows
    )
    return f"Predicted without this run's measurement: {stages}." if stages else ""
