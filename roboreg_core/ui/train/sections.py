"""Content of the Dense networks page."""

import streamlit as st

from roboreg_core.ui import keys, panels, shared_state
from roboreg_core.ui.train import (
    active_trainings,
    data_sets,
    dataset_download,
    image_upload,
    network_cards,
    training_form,
    upload_form,
)
from roboreg_core.wording import network_facts


def everything() -> None:
    """Draw the Dense networks page: networks, running trainings, forms to train or upload another, and data sets."""
    network_cards.DELETED.undo_bar()
    data_sets.DELETED.undo_bar()
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
    with st.container(key=keys.DATA_PART), panels.errors_shown():
        _data()
    network_cards.DELETED.show_list()
    data_sets.DELETED.show_list()


def _data() -> None:
    st.subheader("Data")
    st.caption("Images to train and prune on. Test images are used for reports only.")
    left, right = st.columns(2, gap="large")
    with left, panels.errors_shown():
        data_sets.show()
    with right, panels.errors_shown():
        image_upload.show()
        dataset_download.cifar100()
