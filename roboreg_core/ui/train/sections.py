"""The Train page from top to bottom."""

from __future__ import annotations

import streamlit as st

from roboreg_core.ui import keys, panels, shared_state
from roboreg_core.ui.train import active_trainings, dataset_download, network_cards, training_form, upload_form
from roboreg_core.wording import network_facts


def everything() -> None:
    """What there is, what is under way, and how to get more."""
    network_cards.undo_bar()
    known = shared_state.networks()
    st.markdown(panels.escape(network_facts.summary(known)))
    active_trainings.active()
    st.subheader("Networks to start from")
    network_cards.show(known)
    active_trainings.broken_off()
    left, right = st.columns(2, gap="large")
    with left, st.container(key=keys.TRAIN_NEW), panels.errors_shown():
        training_form.show()
    with right:
        with st.container(key=keys.TRAIN_UPLOAD_PART), panels.errors_shown():
            upload_form.show()
        with st.container(key=keys.TRAIN_IMAGES_PART), panels.errors_shown():
            dataset_download.show()
    network_cards.BIN.listed()
