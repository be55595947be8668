"""Predictions on the Design page: accuracy, sensitivity per block, and the cost of removing one filter."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import streamlit as st

from roboreg_core.charts import sensitivity_curves, sensitivity_sparkline
from roboreg_core.errors import RoboRegError
from roboreg_core.prediction.accuracy_predictor import LEVEL
from roboreg_core.prediction.forecast import PredictionSettings
from roboreg_core.prediction.sensitivity import RemovalCost, removal_costs
from roboreg_core.runs.spec import spec_for
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.ui import keys, panels, predictor_cache, shared_state
from roboreg_core.ui.design import editing_session, launcher
from roboreg_core.wording import fmt

if TYPE_CHECKING:
    from roboreg_core.prediction.accuracy_predictor import PredictedAccuracies
    from roboreg_core.ui.predictor_cache import ScoredForecast

TITLE = "Predicted accuracy"
# Longest table of removal costs.
MOST_ROWS = 12
_CELL = "padding:.15rem .6rem .15rem 0;text-align:right;font-variant-numeric:tabular-nums"
_HEAD = f"{_CELL};font-weight:600;border-bottom:1px solid color-mix(in srgb, currentColor 30%, transparent)"


def current() -> ScoredForecast | None:
    """Predictor and sensitivity curves for the chosen settings; None until fitted, or without a dense network."""
    if not shared_state.backend().loaded.is_set() or not launcher.is_set():
        return None
    try:
        dense = shared_state.baseline()
    except RoboRegError:
        return None  # the launcher shows the error
    return predictor_cache.shared().get(
        PredictionSettings.of(spec_for(editing_session.default(), dense, **launcher.settings_chosen()))
    )


def tile(schedule: Schedule) -> None:
    """Draw a tile: accuracy predicted right after pruning, with its interval, and a tooltip about the predictor."""
    found = current()
    if found is None:
        _empty_tile("not available yet", "Fitted to measured schedules, once scikit-learn is loaded.")
        if launcher.is_set():
            panels.fragment(_wait, run_every=predictor_cache.POLL_SECONDS)()
        return
    predictor = found.forecast.predictor
    if predictor is None:
        _empty_tile("too few measurements", f"{panels.sentence(found.forecast.missing)} Run a sweep on Explore.")
        return
    predicted = predictor.predict([schedule])
    reason = predicted.reasons[0]
    panels.tile(
        TITLE,
        fmt.percent(predicted.mean[0]),
        _range(predicted),
        "loss" if reason else "no change",
        delta_description="extrapolated" if reason else f"{fmt.percent(LEVEL, 0)} interval",
        help=_predictor_words(found),
    )


def sentences(schedule: Schedule) -> str:
    """Sentences: why the prediction is an extrapolation, if it is, and the accuracy after fine-tuning; may be empty."""
    found = current()
    predictor = found.forecast.predictor if found else None
    if predictor is None:
        return ""
    reason = predictor.predict([schedule]).reasons[0]
    parts = [f"The prediction is an extrapolation: {reason}."] if reason else []
    tuned = predictor.predict_tuned([schedule]) if st.session_state[keys.EPOCHS] else None
    if tuned is not None:
        after = tuned.reasons[0]
        note = f", an extrapolation: {after}" if after and after != reason else ""
        parts.append(f"Predicted after this fine-tuning: {fmt.percent(tuned.mean[0])} ({_range(tuned)}){note}.")
    return " ".join(parts)


def strip(block: int) -> str:
    """Sensitivity curve of a block (from 1) as HTML; blank of the same height while loading, empty if not measured."""
    found = current()
    if found is None:
        return f'<div style="height:{sensitivity_sparkline.HEIGHT}px"></div>'
    curves = found.forecast.curves
    if curves is None:
        return ""
    return sensitivity_sparkline.sparkline(
        curves[block], editing_session.schedule().counts[block - 1], sensitivity_sparkline.lowest(curves)
    )


def one_fewer(block: int) -> str:
    """HTML of MACs saved and accuracy lost (percentage points) by removing one filter of a block; empty if unknown."""
    row = next((each for each in _removal_costs() if each.block == block), None)
    if row is None or row.is_minimal:
        return ""
    saved = f"{fmt.signed(-row.macs / 1e6, 2)}{fmt.NBSP}M"
    cost = f", {fmt.signed(-100 * row.loss, 2)}" if row.known else ""
    return (
        f'<div class="one-fewer" title="{html.escape(sensitivity_curves.removal_cost_words(row))}">{saved}{cost}</div>'
    )


def legend() -> str:
    """Caption text that explains the curves, ticks and bars in the block rows."""
    ticks = (
        "Ticks mark the filters kept by presets (grey) and saved schedules (orange). Bars: share of the block's "
        "parameters kept"
    )
    if not _removal_costs():
        return f"{ticks}."
    return (
        f"Curves: validation accuracy with only this block pruned; dashed: dense network. {ticks}; below them, change "
        "in MACs and accuracy (percentage points) when one more filter is removed."
    )


@panels.fragment(key=keys.REMOVAL_PART)
def removal_table() -> None:
    """Draw a table of the cost of removing one filter from each block, cheapest first; nothing if it is unknown."""
    rows = _removal_costs()
    if not rows:
        return
    st.subheader("Cost of removing one filter")
    st.markdown(panels.escape(f"{sensitivity_curves.removal_cost_title(sensitivity_curves.removal_cost_data(rows))}."))
    shown = rows[:MOST_ROWS]
    st.html(_table(shown))
    more = f"The {MOST_ROWS} of {len(rows)} blocks where a filter costs least. " if len(rows) > MOST_ROWS else ""
    st.caption(
        f"{more}From each block's sensitivity curve on the validation images, with all other blocks dense. If other "
        "blocks are pruned too, a filter costs more; the order is a good guide."
    )


def _removal_costs() -> list[RemovalCost]:
    found = current()
    curves = found.forecast.curves if found else None
    return removal_costs(curves, editing_session.schedule()) if curves else []


def _table(rows: list[RemovalCost]) -> str:
    heads = (
        "block",
        "filters kept",
        "MACs saved",
        "accuracy lost, percentage points",
        "pp lost per million MACs saved",
    )
    head = "".join(f'<th scope="col" style="{_HEAD}">{each}</th>' for each in heads)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{each}</td>' for each in _cells(row)) + "</tr>" for row in rows
    )
    return f'<table style="border-collapse:collapse;font-size:.9rem"><tr>{head}</tr>{body}</table>'


def _cells(row: RemovalCost) -> tuple[str, ...]:
    if row.is_minimal:
        return (str(row.block), "1", "none left to remove", "", "")
    cost = (f"{100 * row.loss:.2f}", f"{100 * row.loss_per_million_macs:.2f}") if row.known else ("not measured", "")
    return (str(row.block), str(row.count), fmt.count(row.macs), *cost)


def _wait() -> None:
    if current() is not None:
        st.rerun()


def _empty_tile(why: str, note: str) -> None:
    panels.tile(TITLE, "…", why, "no change", help=panels.escape(note))


def _range(predicted: PredictedAccuracies) -> str:
    return f"{100 * predicted.low[0]:.1f} to {100 * predicted.high[0]:.1f}"


def _predictor_words(found: ScoredForecast) -> str:
    predictor, score = found.forecast.predictor, found.score
    errors = (
        f" Mean absolute error of {score.n:,} predictions made without their own measurement: "
        f"{100 * score.mean_error:.1f} percentage points; {fmt.percent(score.held, 0)} of the intervals contained the "
        "measured value."
        if score
        else ""
    )
    sets = {point.training_set for point in found.forecast.points}
    images = " and ".join(map(launcher.images_words, sorted(sets)))
    return (
        "Validation accuracy right after pruning, before fine-tuning, predicted without evaluating the network. "
        f"Fitted to {len(predictor.schedules) if predictor else 0:,} schedules measured with this method and {images} "
        f"training images.{errors}"
    )
