"""What was predicted of a run without its own figures, beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from roboreg_core.charts import prediction, words
from roboreg_core.explore.forecast import TUNED, Asked, Scored
from roboreg_core.runs.spec import RunSpec
from roboreg_core.store.records import Record
from roboreg_core.ui import outlook, panels

_AFTER = {TUNED: "after fine-tuning"}


def line(record: Record) -> None:
    """One line for each stage that was predicted; nothing where nothing can be, or until it is learnt."""
    spec = RunSpec.from_json(record.spec)
    if spec.weights() is not None or spec.schedule.is_dense:
        return  # no filter goes
    known = outlook.learner().outlook(Asked.of(spec))
    if known is None:
        st.fragment(_awaited, run_every=outlook.LOOK_AGAIN_SECONDS)(Asked.of(spec))
        return
    said = text([row for row in known.scored if row.record == record.id])
    if said:
        st.caption(panels.escape(f"{said} {prediction.score_words(known.score)}."))


def text(rows: Sequence[Scored]) -> str:
    """`Predicted ...: right after pruning 86.2 % (83.9 to 88.1), measured 86.8 % of the test images`; else empty."""
    told = "; ".join(
        f"{_AFTER.get(row.stage, 'right after pruning')} "
        f"{prediction.prediction_words(row.predicted, row.low, row.high)}, "
        f"measured {words.percent(row.measured)} of the {row.images} images"
        for row in rows
    )
    return f"Predicted without this run's figures: {told}." if told else ""


def _awaited(asked: Asked) -> None:
    """Draw the page once more as soon as it is learnt; until then there is nothing to see."""
    if outlook.learner().outlook(asked) is not None:
        st.rerun()
