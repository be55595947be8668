"""Pruning settings shared by Sensitivity, Search and Prediction: dense network, method, recalibration."""

import streamlit as st

from roboreg_core.prediction.forecast import PredictionSettings, settings_with_points
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION, DEFAULT_METHOD
from roboreg_core.ui import dense_choice, keys, panels, shared_state, url_settings
from roboreg_core.ui.design.launcher import METHOD_WORDS, image_choices, method_field, recalibrate_field
from roboreg_core.ui.url_settings import UrlSetting, one_of


def pick() -> PredictionSettings | None:
    """Draw the fields for dense network, method and recalibration; return their values.

    Until the dense network is loaded: draw a notice and return None.
    """
    settings = [
        UrlSetting(key=keys.EXPLORE_METHOD, default=DEFAULT_METHOD, read=one_of(*METHOD_WORDS)),
        UrlSetting(key=keys.EXPLORE_RECALIBRATE, default=False, read=url_settings.flag),
    ]
    url_settings.restore(settings)
    dense_choice.open_address()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        dense_choice.field(width=340)
        method_field(keys.EXPLORE_METHOD, width=220)
        recalibrate_field(keys.EXPLORE_RECALIBRATE)
    url_settings.follow(settings)
    if not shared_state.backend().loaded.is_set():
        panels.loading()
        return None
    chosen = PredictionSettings(
        dense_sha256=shared_state.baseline().sha256,
        training_set=image_choices()[-1],
        method=st.session_state[keys.EXPLORE_METHOD],
        recalibrate=st.session_state[keys.EXPLORE_RECALIBRATE],
        calibration=DEFAULT_CALIBRATION,
    )
    return settings_with_points(shared_state.store(), chosen)
