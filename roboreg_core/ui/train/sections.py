"""Content of the Dense networks page."""

import streamlit as st

from roboreg_core.ui import keys, panels, shared_state
from roboreg_core.ui.train import active_trainings, dataset_download, network_cards, training_form, upload_form
from roboreg_core.wording import network_facts


def everything() -> None:
    """Draw the Dense networks page: networks, running trainings, and forms to train or upload another."""
    network_cards.DELETED.undo_bar()
    networks = shared_state.networks()
    st.markdown(panels.escape(network_facts.summary(networks)))
    active_trainings.active()
    st.subheader("Networks to start from")
    network_cards.show(networks)
    active_trainings.unfinished()
    left, right = st.columns(2, gap="large")
    with left, st.container(key=keys.TRAIN_NEW), panels.errors_shown():
        training_form.show()
    with right:
        with st.container(key=keys.TRAIN_UPLOAD_PART), panels.errors_shown():
            upload_form.show()
        with st.container(key=keys.TRAIN_IMAGES_PART), panels.errors_shown():
            dataset_download.show()
    network_cards.DELETED.show_list()
