"""The Train page from top to bottom."""

from __future__ import annotations

import streamlit as st

from roboreg_core.charts import networks as told
from roboreg_core.ui import keys, panels, state
from roboreg_core.ui.train import cards, fields, images, under_way, upload


def everything() -> None:
    """What there is, what is under way, and how to get more."""
    cards.undo_bar()
    known = state.networks()
    st.markdown(panels.escape(told.summary(known)))
    under_way.active()
    st.subheader("Networks to start from")
    cards.show(known)
    under_way.broken_off()
    left, right = st.columns(2, gap="large")
    with left, st.container(key=keys.TRAIN_NEW), panels.errors_shown():
        fields.show()
    with right:
        with st.container(key=keys.TRAIN_UPLOAD_PART), panels.errors_shown():
            upload.show()
        with st.container(key=keys.TRAIN_IMAGES_PART), panels.errors_shown():
            images.show()
    cards.BIN.listed()
