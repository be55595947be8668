"""What is foretold on Design: the predicted accuracy, each block's sensitivity, and what one cluster fewer would do."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import streamlit as st

from roboreg_core.charts import sensitivity_curves, sensitivity_sparkline
from roboreg_core.errors import RoboRegError
from roboreg_core.prediction.accuracy_predictor import LEVEL
from roboreg_core.prediction.forecast import PredictionSettings
from roboreg_core.prediction.sensitivity import RemovalCost, exchange
from roboreg_core.runs.spec import spec_for
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.ui import keys, panels, predictor_cache, shared_state
from roboreg_core.ui.design import editing_session, launcher
from roboreg_core.wording import fmt

if TYPE_CHECKING:
    from roboreg_core.prediction.accuracy_predictor import PredictedAccuracies
    from roboreg_core.ui.predictor_cache import ScoredForecast

PREDICTED = "Predicted, pruned"
_CELL = "padding:.15rem .6rem .15rem 0;text-align:right;font-variant-numeric:tabular-nums"
_HEAD = f"{_CELL};font-weight:600;border-bottom:1px solid color-mix(in srgb, currentColor 30%, transparent)"


def now() -> ScoredForecast | None:
    """What is known under the settings chosen on the page; None until torch, the launcher and the learner are there."""
    if not shared_state.machinery().loaded.is_set() or not launcher.is_set():
        return None
    try:
        dense = shared_state.baseline()
    except RoboRegError:
        return None  # the launcher says why
    return predictor_cache.learner().outlook(
        PredictionSettings.of(spec_for(editing_session.DEFAULT, dense, **launcher.settings_chosen()))
    )


def tile(schedule: Schedule) -> None:
    """The predicted accuracy right after pruning with its interval; what it rests on is in its help."""
    known = now()
    if known is None:
        _nothing("not known yet", "Learnt from measured schedules, once scikit-learn is loaded.")
        if launcher.is_set():
            st.fragment(_awaited, run_every=predictor_cache.LOOK_AGAIN_SECONDS)()
        return
    predictor = known.forecast.predictor
    if predictor is None:
        _nothing("too little measured", f"{panels.sentence(known.forecast.missing)} Sweeps are on Explore.")
        return
    found = predictor.predict([schedule])
    reason = found.reasons[0]
    panels.tile(
        PREDICTED,
        fmt.percent(found.mean[0]),
        _range(found),
        "loss" if reason else "no change",
        delta_description="a guess" if reason else f"{fmt.percent(LEVEL, 0)} interval",
        help=_rests_on(known),
    )


def sentences(schedule: Schedule) -> str:
    """Why the prediction is a guess, where it is one, and what fine-tuning as it is chosen would make of it."""
    known = now()
    predictor = known.forecast.predictor if known else None
    if predictor is None:
        return ""
    reason = predictor.predict([schedule]).reasons[0]
    told = [f"The prediction is a guess: {reason}."] if reason else []
    tuned = predictor.predict_tuned([schedule]) if st.session_state[keys.EPOCHS] else None
    if tuned is not None:
        after = tuned.reasons[0]
        guess = f", a guess: {after}" if after and after != reason else ""
        told.append(f"Predicted after this fine-tuning: {fmt.percent(tuned.mean[0])} ({_range(tuned)}){guess}.")
    return " ".join(told)


def strip(block: int) -> str:
    """The block's sensitivity as HTML under its slider; as high while it is awaited, empty where nobody measured it."""
    known = now()
    if known is None:
        return f'<div style="height:{sensitivity_sparkline.HEIGHT}px"></div>'
    curves = known.forecast.curves
    if curves is None:
        return ""
    return sensitivity_sparkline.sparkline(
        curves[block], editing_session.schedule().clusters[block - 1], sensitivity_sparkline.lowest(curves)
    )


def one_fewer(block: int) -> str:
    """What one cluster fewer in the block saves and costs, as HTML; empty where nothing is known of it."""
    row = next((each for each in _exchange() if each.block == block), None)
    if row is None or row.at_one:
        return ""
    saved = f"{fmt.signed(-row.macs / 1e6, 2)}{fmt.NBSP}M"
    cost = f", {fmt.signed(-100 * row.loss, 2)}" if row.known else ""
    return f'<div class="one-fewer" title="{html.escape(sensitivity_curves.exchange_words(row))}">{saved}{cost}</div>'


def legend() -> str:
    """What the strips, ticks and bars of the rows say."""
    ticks = "Ticks: presets (grey) and saved schedules (orange). Bars: share of the block's parameters that stay"
    if not _exchange():
        return f"{ticks}."
    return (
        f"Curves: validation accuracy with this block alone pruned, the dense network's dashed. {ticks}; below them, "
        "what one cluster fewer changes in MACs and in points of accuracy."
    )


@st.fragment(key=keys.EXCHANGE_PART)
def exchanged() -> None:
    """What one cluster fewer in each block saves and costs, the cheapest saving first."""
    rows = _exchange()
    if not rows:
        return
    st.subheader("One cluster fewer")
    st.markdown(panels.escape(f"{sensitivity_curves.exchange_title(sensitivity_curves.exchange_data(rows))}."))
    st.html(_table(rows))
    st.caption(
        "By each block's curve on the validation images, all other blocks dense. Where others are cut as well, "
        "a cluster costs more; the order is a good guide."
    )


def _exchange() -> list[RemovalCost]:
    known = now()
    curves = known.forecast.curves if known else None
    return exchange(curves, editing_session.schedule()) if curves else []


def _table(rows: list[RemovalCost]) -> str:
    heads = ("block", "keeps", "saves, MACs", "costs, points", "for 1 M MACs")
    head = "".join(f'<th scope="col" style="{_HEAD}">{each}</th>' for each in heads)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{each}</td>' for each in _cells(row)) + "</tr>" for row in rows
    )
    return f'<table style="border-collapse:collapse;font-size:.9rem"><tr>{head}</tr>{body}</table>'


def _cells(row: RemovalCost) -> tuple[str, ...]:
    if row.at_one:
        return (str(row.block), "1", "none can go", "", "")
    cost = (f"{100 * row.loss:.2f}", f"{100 * row.loss_per_million_macs:.2f}") if row.known else ("not measured", "")
    return (str(row.block), str(row.count), fmt.count(row.macs), *cost)


def _awaited() -> None:
    """Draw the page once more as soon as something is known; until then there is nothing to see."""
    if now() is not None:
        st.rerun()


def _nothing(why: str, note: str) -> None:
    panels.tile(PREDICTED, "…", why, "no change", help=panels.escape(note))


def _range(found: PredictedAccuracies) -> str:
    return f"{100 * found.low[0]:.1f} to {100 * found.high[0]:.1f}"


def _rests_on(known: ScoredForecast) -> str:
    predictor, score = known.forecast.predictor, known.score
    learnt = f"Validation accuracy right after pruning, learnt from {len(predictor.schedules) if predictor else 0:,} "
    right = (
        f" {score.n:,} predictions made without their own measurement were off by "
        f"{100 * score.mean_error:.1f} percentage points on average; {fmt.percent(score.held, 0)} of the intervals "
        f"contained the measured value."
        if score
        else ""
    )
    sets = {point.training_set for point in known.forecast.points}
    images = " and ".join(launcher.IMAGES_WORDS[name] for name in launcher.IMAGES_WORDS if name in sets)
    return (
        f"{learnt}schedules that were measured with this method and {images} training images.{right} No image is "
        "looked at; the preview does that."
    )
