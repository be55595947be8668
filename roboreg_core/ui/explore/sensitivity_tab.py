"""Sensitivity tab: accuracy with one block pruned alone, and the cost of removing one more filter."""

import pandas as pd
import streamlit as st

from roboreg_core.architecture import Architecture
from roboreg_core.charts import sensitivity_curves
from roboreg_core.datasets.dataset import dataset_of
from roboreg_core.errors import ScheduleError
from roboreg_core.prediction.forecast import PredictionSettings
from roboreg_core.prediction.sensitivity import SensitivityCurves, plan, removal_costs
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.ui import keys, panels, shared_state, url_settings
from roboreg_core.ui.design.editing_session import DEFAULT
from roboreg_core.ui.design.editing_session import schedule as designed
from roboreg_core.ui.explore import cache, measure_missing, prune_settings

MOST_TEXT = 400
# The small charts are wider than a phone's screen: scroll them, not the page.
_STYLE = "<style>.st-key-chart-sensitivity { overflow-x: auto; }</style>"


def show() -> None:
    """Draw the Sensitivity tab: accuracy with one block pruned alone, and the cost of removing one filter."""
    finding = st.container()
    settings = prune_settings.pick()
    if settings is None:
        return
    schedule = _schedule(shared_state.architecture_of(settings.dense_sha256))
    curves = cache.forecast_of(settings).curves
    if curves is None or len(curves.unmeasured) == len(curves.each):
        finding.info("Sensitivity is not measured with this method yet. It takes a minute or two.")
        measure(settings)
        return
    frame = sensitivity_curves.sensitivity_data(curves, schedule)
    finding.markdown(f"### {panels.escape(panels.sentence(sensitivity_curves.sensitivity_title(frame)))}")
    measure(settings, "the missing points")
    left, right = st.columns([3, 2], gap="large")
    with left:
        _curves(frame, settings, schedule)
    with right:
        _removal_costs(curves, schedule)


def measure(settings: PredictionSettings, what: str = "the sensitivity of all blocks") -> None:
    """Draw the button that measures missing points of the sensitivity curves; its label is "Measure " and `what`."""
    grid = plan(architecture=shared_state.architecture_of(settings.dense_sha256))
    measure_missing.panel("sensitivity", grid, settings, what)


def _schedule(architecture: Architecture) -> Schedule:
    """Schedule marked in the charts: Design's schedule unless the user enters another one."""
    setting = url_settings.UrlSetting(key=keys.AT, default="", read=lambda text: text[:MOST_TEXT])
    url_settings.restore([setting])
    now = designed()
    if now.architecture != architecture:
        now = presets(architecture)[DEFAULT]
    st.text_input(
        "Schedule",
        key=keys.AT,
        placeholder=f"{now.listed} (from Design)",
        max_chars=MOST_TEXT,
        persist_state="session",
        help=f"{architecture.n_blocks} counts or a preset's name. Marked in the curves, and starting point of the "
        "removal costs.",
    )
    url_settings.follow([setting])
    text = st.session_state[keys.AT].strip()
    try:
        return Schedule.parse(text, architecture) if text else now
    except ScheduleError as error:
        panels.show_error(error)
        return now


def _curves(frame: pd.DataFrame, settings: PredictionSettings, schedule: Schedule) -> None:
    st.html(_STYLE)
    validation = dataset_of(settings.training_set).validation
    panels.Panel(
        name="sensitivity",
        title="Accuracy by filters kept in one block, all other blocks dense",
        frame=frame,
        chart=sensitivity_curves.sensitivity_chart,
        alt_text=sensitivity_curves.sensitivity_alt(frame),
        variant=str(schedule),
        depends=f"Right after pruning by {settings.method}, no fine-tuning; {validation:,} validation "
        "images, float32. Dots: measured; band: 95 % interval; dashed: dense network; diamond: the schedule above.",
    ).show()


def _removal_costs(curves: SensitivityCurves, schedule: Schedule) -> None:
    frame = sensitivity_curves.removal_cost_data(removal_costs(curves, schedule))
    panels.Panel(
        name="exchange",
        title=sensitivity_curves.removal_cost_title(frame),
        frame=frame,
        chart=sensitivity_curves.removal_cost_chart,
        alt_text=sensitivity_curves.removal_cost_alt(frame),
        table=frame.drop(columns=["text"]),
        depends="Least costly first. Slopes of the curves, with all other blocks dense; losses of several pruned "
        "blocks do not simply add up, see Prediction.",
    ).show()
    pairs = zip(frame["block"], frame["text"], strict=True)
    st.markdown("\n".join(f"- **Block {block}**: {panels.escape(text)}." for block, text in pairs))
