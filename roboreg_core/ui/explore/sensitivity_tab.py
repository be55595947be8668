"""Sensitivity: what each block costs alone, as nine curves, and what one cluster fewer saves and costs now."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from roboreg_core.charts import sensitivity_curves
from roboreg_core.errors import ScheduleError
from roboreg_core.prediction.forecast import PredictionSettings
from roboreg_core.prediction.sensitivity import SensitivityCurves, exchange, plan
from roboreg_core.schedules.schedule import PRESETS, Schedule
from roboreg_core.ui import keys, panels, url_settings
from roboreg_core.ui.design.editing_session import schedule as designed
from roboreg_core.ui.explore import cache, measure_missing, prune_settings

MOST_TEXT = 100
# Nine small charts are wider than a telephone: they are moved sideways there, and the page is not.
_STYLE = "<style>.st-key-chart-sensitivity { overflow-x: auto; }</style>"


def show() -> None:
    """The tab."""
    finding = st.container()
    asked = prune_settings.pick()
    if asked is None:
        return
    schedule = _schedule()
    curves = cache.forecast_of(asked).curves
    if curves is None or len(curves.unmeasured) == len(PRESETS["dense"].clusters):
        finding.info("No block's sensitivity has been measured by this method yet. It takes a minute or two.")
        measure_missing.panel("sensitivity", plan(), asked, "nine blocks, eight counts each")
        return
    frame = sensitivity_curves.sensitivity_data(curves, schedule)
    finding.markdown(f"### {panels.escape(panels.sentence(sensitivity_curves.sensitivity_title(frame)))}")
    measure_missing.panel("sensitivity", plan(), asked, "what is missing")
    left, right = st.columns([3, 2], gap="large")
    with left:
        _curves(frame, asked, schedule)
    with right:
        _exchange(curves, schedule)


def _schedule() -> Schedule:
    """The schedule whose counts are marked: Design's, unless another one is typed."""
    known_setting = url_settings.UrlSetting(key=keys.AT, default="", read=lambda text: text[:MOST_TEXT])
    url_settings.restore([known_setting])
    now = designed()
    st.text_input(
        "At the schedule",
        key=keys.AT,
        placeholder=f"{now} (as on Design)",
        max_chars=MOST_TEXT,
        persist_state="session",
        help="Nine counts or a preset's name. Its counts are marked in the curves, and the exchange begins there.",
    )
    url_settings.follow([known_setting])
    text = st.session_state[keys.AT].strip()
    try:
        return Schedule.parse(text) if text else now
    except ScheduleError as error:
        st.error(panels.escape(panels.sentence(error)), icon=":material/error:")
        return now


def _curves(frame: pd.DataFrame, asked: PredictionSettings, schedule: Schedule) -> None:
    st.html(_STYLE)
    panels.show(
        panels.Panel(
            name="sensitivity",
            title="Accuracy as one block loses clusters, the other eight dense",
            frame=frame,
            chart=sensitivity_curves.sensitivity_chart,
            alt_text=sensitivity_curves.sensitivity_alt(frame),
            variant=str(schedule),
            depends=f"Right after pruning by {asked.method}, no fine-tuning; 2,000 validation images, float32. Dots: "
            "measured; band: 95 % interval; dashed: the dense network; diamond: the schedule above.",
        )
    )


def _exchange(curves: SensitivityCurves, schedule: Schedule) -> None:
    frame = sensitivity_curves.exchange_data(exchange(curves, schedule))
    panels.show(
        panels.Panel(
            name="exchange",
            title=sensitivity_curves.exchange_title(frame),
            frame=frame,
            chart=sensitivity_curves.exchange_chart,
            alt_text=sensitivity_curves.exchange_alt(frame),
            table=frame.drop(columns=["says"]),
            depends="Cheapest first. The curves' slopes, with all other blocks dense: where several blocks are cut, "
            "losses add up otherwise, which Prediction learns.",
        )
    )
    pairs = zip(frame["block"], frame["says"], strict=True)
    st.markdown("\n".join(f"- **Block {block}**: {panels.escape(says)}." for block, says in pairs))
