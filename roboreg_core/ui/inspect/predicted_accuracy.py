"""What was predicted of a run without its own figures, beside what was measured."""

from __future__ import annotations

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

# An outlook is learnt within seconds of the first look.
AWAITED_SECONDS = 2.0
_AFTER = {TUNED: "after fine-tuning"}


def line(record: Record) -> None:
    """One line for each stage that was predicted; nothing where nothing can be, or until it is learnt."""
    try:
        spec = RunSpec.from_json(record.spec)
    except (RoboRegError, TypeError):
        return  # of another version of the code
    if spec.weights() is not None or spec.schedule.is_dense:
        return  # no filter goes
    known = predictor_cache.learner().outlook(PredictionSettings.of(spec))
    if known is None:
        st.fragment(_awaited, run_every=AWAITED_SECONDS)(PredictionSettings.of(spec), record.id)
    else:
        _say(known, record.id)


def _awaited(asked: PredictionSettings, run: str) -> None:
    """Says it as soon as it is learnt, and draws nothing else again: the page may be about to be left."""
    known = predictor_cache.learner().outlook(asked)
    if known is not None:
        _say(known, run)


def _say(known: ScoredForecast, run: str) -> None:
    said = text([row for row in known.scored if row.record == run])
    if said:
        st.caption(panels.escape(f"{said} {predicted_vs_measured.score_words(known.score)}."))


def text(rows: Sequence[ScoredPrediction]) -> str:
    """`Predicted ...: right after pruning 86.2 % (83.9 to 88.1), measured 86.8 % of the test images`; else empty."""
    told = "; ".join(
        f"{_AFTER.get(row.stage, 'right after pruning')} "
        f"{predicted_vs_measured.prediction_words(row.predicted, row.low, row.high)}, "
        f"measured {fmt.percent(row.measured)} of the {row.images} images"
        for row in rows
    )
    return f"Predicted without this run's figures: {told}." if told else ""
