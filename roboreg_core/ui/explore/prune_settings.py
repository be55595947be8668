"""Under which setting sensitivity, search and predictions are told: one row of widgets that these tabs share."""

from __future__ import annotations

import streamlit as st

from roboreg_core.prediction.forecast import PredictionSettings, learnable
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION, DEFAULT_METHOD
from roboreg_core.ui import dense_choice, keys, shared_state, url_settings
from roboreg_core.ui.design.launcher import METHOD_WORDS
from roboreg_core.ui.url_settings import UrlSetting, one_of


def pick() -> PredictionSettings | None:
    """The setting that is chosen; None, and a message, until the dense network is loaded."""
    settings = [
        UrlSetting(key=keys.EXPLORE_METHOD, default=DEFAULT_METHOD, read=one_of(*METHOD_WORDS)),
        UrlSetting(key=keys.EXPLORE_RECALIBRATE, default=False, read=url_settings.flag),
    ]
    url_settings.restore(settings)
    dense_choice.told()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        dense_choice.field(width=340)
        st.selectbox(
            "Method",
            list(METHOD_WORDS),
            key=keys.EXPLORE_METHOD,
            help=METHOD_WORDS[st.session_state[keys.EXPLORE_METHOD]],
            persist_state="session",
            width=220,
        )
        st.toggle("Recalibrate batch norm", key=keys.EXPLORE_RECALIBRATE, persist_state="session")
    url_settings.follow(settings)
    if not shared_state.machinery().loaded.is_set():
        _waiting()
        return None
    from roboreg_core.datasets.sources import resolve_training_set

    asked = PredictionSettings(
        dense_sha256=shared_state.baseline().sha256,
        training_set=resolve_training_set("auto"),
        method=st.session_state[keys.EXPLORE_METHOD],
        recalibrate=st.session_state[keys.EXPLORE_RECALIBRATE],
        calibration=DEFAULT_CALIBRATION,
    )
    return learnable(shared_state.store(), asked)


@st.fragment(run_every=0.5)
def _waiting() -> None:
    if shared_state.machinery().loaded.is_set():
        st.rerun()
    st.info("Loading the dense network and the job engine, a few seconds.", icon="spinner")
