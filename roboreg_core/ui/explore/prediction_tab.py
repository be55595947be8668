"""Prediction tab: predictions, each made without the schedule's own measurement, beside measurements."""

from collections import Counter
from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from roboreg_core.architecture import Architecture
from roboreg_core.charts import predicted_vs_measured
from roboreg_core.prediction.accuracy_predictor import LEVEL
from roboreg_core.prediction.forecast import PRUNED, TUNED, PredictionSettings, ScoredPrediction, score
from roboreg_core.runs.spec import METHOD_VERSION, TUNING, RunSpec, method_version, preset_fields
from roboreg_core.sweeps.grid import RANDOM, Grid
from roboreg_core.sweeps.points import Point
from roboreg_core.ui import keys, panels, shared_state
from roboreg_core.ui.explore import cache, measure_missing, prune_settings, schedule_card
from roboreg_core.ui.inspect import controls
from roboreg_core.wording import fmt

_STAGES = {PRUNED: "After pruning", TUNED: "After fine-tuning"}
# Enough schedules for useful prediction intervals.
FITTED = 60
_POINT = {"record": keys.SCORED}


def show() -> None:
    """Draw the Prediction tab: measured schedules with their predictions, each made without its own measurement."""
    finding = st.container()
    settings = prune_settings.pick()
    if settings is None:
        return
    stage = controls.segment("Accuracy", keys.SCORED_STAGE, _STAGES, PRUNED)
    if stage == TUNED:
        tuned = _tuning(settings)
        if tuned is None:
            finding.info("No fine-tuned runs with this method yet. Start one on the Design page.")
            return
        settings = tuned
    found = cache.forecast_of(settings)
    if found.predictor is None:
        finding.info(panels.escape(f"No predictions for this method yet: {panels.sentence(found.missing)}"))
        _measure_more(settings)
        return
    rows = [row for row in cache.scores_of(settings) if row.stage == stage]
    frame = predicted_vs_measured.prediction_data(rows)
    finding.markdown(f"### {panels.escape(panels.sentence(predicted_vs_measured.prediction_title(frame)))}")
    if not rows:
        st.caption("Measured schedules that prune several blocks are compared with predictions made without them.")
        return
    _tiles(rows)
    _chart(frame, settings, found.points)
    if stage == PRUNED and len(found.predictor.schedules) < FITTED:
        _measure_more(settings)


def _measure_more(settings: PredictionSettings) -> None:
    grid = fit_grid(shared_state.architecture_of(settings.dense_sha256))
    measure_missing.panel("random schedules", grid, settings, f"{FITTED} random schedules to fit to")


def fit_grid(architecture: Architecture) -> Grid:
    """Grid of random schedules, enough to fit a predictor once they are measured."""
    bounds = tuple((max(1, bound // 8), bound) for bound in architecture.bounds)
    return Grid(kind=RANDOM, values=bounds, n=FITTED, architecture=architecture)


def _tiles(rows: list[ScoredPrediction]) -> None:
    found = score(rows)
    assert found is not None
    first, second, third = st.columns(3)
    first.metric("Mean absolute error", f"{100 * found.mean_error:.1f}{fmt.NBSP}pp", border=True)
    coverage_help = f"Share of {fmt.percent(LEVEL, 0)} intervals that contain the measured value."
    second.metric("Interval coverage", fmt.percent(found.held, 0), border=True, help=coverage_help)
    third.metric("Scored predictions", fmt.count(found.n), border=True)


def _chart(frame: pd.DataFrame, settings: PredictionSettings, points: tuple[Point, ...]) -> None:
    by_record = {point.record: point for point in points}
    left, right = st.columns([3, 2], gap="large")
    variant = f"{settings}"
    with left:
        panels.Panel(
            name="prediction",
            title="Predicted against measured accuracy",
            frame=frame,
            chart=predicted_vs_measured.prediction_chart,
            alt_text=predicted_vs_measured.prediction_alt(frame),
            on_select=partial(
                controls.clicked, "prediction", "chart-prediction", predicted_vs_measured.SELECTION, variant, _POINT
            ),
            depends=f"Pruned by {settings.method}. Predictions are made without the schedule's own measurement; "
            f"bars: {fmt.percent(LEVEL, 0)} intervals. Dashed: prediction equals measurement. Click a mark for its "
            "figures.",
        ).show()
    with right:
        labels = {record: by_record[record].schedule.listed for record in frame["record"] if record in by_record}
        record = controls.choice("Schedule", keys.SCORED, labels, "Click a mark, or choose a schedule")
        if record is not None:
            row = frame[frame["record"] == record].iloc[0]
            predicted = predicted_vs_measured.prediction_words(row["predicted"], row["low"], row["high"])
            st.markdown(panels.escape(f"Predicted {predicted}, measured {fmt.percent(row['measured'])}."))
            schedule_card.show("scored", by_record[record])


def _tuning(settings: PredictionSettings) -> PredictionSettings | None:
    """Settings with the fine-tuning chosen among those of the runs, the most frequent first; None without runs."""
    tuned = {words: run for words, run in _tunings(shared_state.runs_key()) if run.method == settings.method}
    if not tuned:
        return None
    labels = {each: each for each in tuned}
    chosen = controls.segment("Fine-tuned with", keys.SCORED_TUNING, labels, next(iter(labels)))
    return replace(settings, **{name: getattr(tuned[chosen], name) for name in TUNING})


@st.cache_resource(show_spinner=False, max_entries=4)
def _tunings(key: str) -> list[tuple[str, RunSpec]]:
    """Fine-tuning of the runs in words, and the last run with it under each method; the most frequent first."""
    del key
    runs = [RunSpec.from_json(run.spec) for run in shared_state.runs() if method_version(run) == METHOD_VERSION]
    named = [(_words(run), run) for run in runs]
    times = Counter(words for words, _ in named)
    last = {(words, run.method): run for words, run in named if run.epochs}
    found = [(words, run) for (words, _), run in last.items()]
    return sorted(found, key=lambda each: times[each[0]], reverse=True)


def _words(run: RunSpec) -> str:
    """`quick, 4 epochs`, and differences from the preset's settings."""
    preset = preset_fields(run.preset)
    parts = [run.preset, fmt.plural(run.epochs, "epoch")]
    if run.learning_rate != preset["learning_rate"]:
        parts.append(f"learning rate {run.learning_rate:g}")
    if run.batch_size != preset["batch_size"]:
        parts.append(f"batch size {run.batch_size}")
    if not run.distil:
        parts.append("labels only")
    return ", ".join(parts)
