"""Prediction: how right predictions have been, each made without its own measurement, beside what was measured."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from roboreg_core.charts import predicted_vs_measured
from roboreg_core.prediction.forecast import PRUNED, TUNED, PredictionSettings, ScoredPrediction, score
from roboreg_core.runs.spec import METHOD_VERSION, TUNING, RunSpec, method_version, of_preset
from roboreg_core.schedules.schedule import BOUNDS
from roboreg_core.sweeps.grid import RANDOM, Grid
from roboreg_core.sweeps.points import Point
from roboreg_core.ui import keys, panels, shared_state
from roboreg_core.ui.explore import cache, measure_missing, prune_settings, schedule_card
from roboreg_core.ui.inspect import controls
from roboreg_core.wording import fmt

_STAGES = {PRUNED: "After pruning", TUNED: "After fine-tuning"}
# Enough for an interval that means something; drawn where schedules are worth predicting.
LEARNT_FROM = Grid(kind=RANDOM, values=tuple((max(1, bound // 8), bound) for bound in BOUNDS), n=60)
_POINT = {"record": keys.SCORED}


def show() -> None:
    """The tab."""
    finding = st.container()
    asked = prune_settings.pick()
    if asked is None:
        return
    stage = controls.segment("Accuracy", keys.SCORED_STAGE, _STAGES, PRUNED)
    if stage == TUNED:
        chosen = _tuning(asked)
        if chosen is None:
            finding.info("No run by this method was fine-tuned yet. Start one on the Design page.")
            return
        asked = chosen
    found = cache.forecast_of(asked)
    if found.predictor is None:
        finding.info(panels.escape(f"Nothing can be predicted by this method yet: {panels.sentence(found.missing)}"))
        measure_missing.panel("random schedules", LEARNT_FROM, asked, "60 random schedules to learn from")
        return
    rows = [row for row in cache.scores_of(asked) if row.stage == stage]
    frame = predicted_vs_measured.prediction_data(rows)
    finding.markdown(f"### {panels.escape(panels.sentence(predicted_vs_measured.prediction_title(frame)))}")
    if not rows:
        st.caption("Each measured schedule that cuts several blocks is set against what is predicted without it.")
        return
    _tiles(rows)
    _chart(frame, asked, found.points)
    if stage == PRUNED and len(found.predictor.schedules) < LEARNT_FROM.n:
        measure_missing.panel("random schedules", LEARNT_FROM, asked, "60 random schedules to learn from")


def _tiles(rows: list[ScoredPrediction]) -> None:
    found = score(rows)
    assert found is not None
    first, second, third = st.columns(3)
    first.metric("Mean error", f"{100 * found.mean_error:.1f}{fmt.NBSP}points", border=True)
    second.metric("Interval held", fmt.percent(found.held, 0), border=True, help="It is made to hold in 90 %.")
    third.metric("Predictions scored", fmt.count(found.n), border=True)


def _chart(frame: pd.DataFrame, asked: PredictionSettings, points: tuple[Point, ...]) -> None:
    by_record = {point.record: point for point in points}
    left, right = st.columns([3, 2], gap="large")
    variant = f"{asked}"
    with left:
        panels.show(
            panels.Panel(
                name="prediction",
                title="Predicted against measured accuracy",
                frame=frame,
                chart=predicted_vs_measured.prediction_chart,
                alt_text=predicted_vs_measured.prediction_alt(frame),
                on_select=partial(
                    controls.clicked, "prediction", "chart-prediction", predicted_vs_measured.SELECTION, variant, _POINT
                ),
                depends=f"Pruned by {asked.method}. Every prediction was made without the schedule's own measurement; "
                "its bar is the 90 % interval. Dashed: where predictions are right. Click a mark for its figures.",
            )
        )
    with right:
        labels = {record: str(by_record[record].schedule) for record in frame["record"] if record in by_record}
        record = controls.choice("Schedule", keys.SCORED, labels, "Click a mark, or choose a schedule")
        if record is not None:
            row = frame[frame["record"] == record].iloc[0]
            said = predicted_vs_measured.prediction_words(row["predicted"], row["low"], row["high"])
            st.markdown(panels.escape(f"Predicted {said}, measured {fmt.percent(row['measured'])}."))
            schedule_card.show("scored", by_record[record])


def _tuning(asked: PredictionSettings) -> PredictionSettings | None:
    """The setting with a preset of fine-tuning that runs had, the commonest at first."""
    runs = [RunSpec.from_json(run.spec) for run in shared_state.runs() if method_version(run) == METHOD_VERSION]
    tuned = {_words(run): run for run in runs if run.epochs and run.method == asked.method}
    had = [_words(run) for run in runs]
    if not tuned:
        return None
    labels = {each: each for each in sorted(tuned, key=had.count, reverse=True)}
    chosen = controls.segment("Fine-tuned with", keys.SCORED_TUNING, labels, next(iter(labels)))
    return replace(asked, **{name: getattr(tuned[chosen], name) for name in TUNING})


def _words(run: RunSpec) -> str:
    """`quick, 4 epochs`, and what differs from the preset's own settings."""
    usual = of_preset(run.preset)
    parts = [run.preset, fmt.plural(run.epochs, "epoch")]
    if run.learning_rate != usual["learning_rate"]:
        parts.append(f"rate {run.learning_rate:g}")
    if run.batch_size != usual["batch_size"]:
        parts.append(f"batches of {run.batch_size}")
    if not run.distil:
        parts.append("not distilled")
    return ", ".join(parts)
