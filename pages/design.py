"""Design: nine counts, what they cost at once, what they leave of the accuracy, and one button that starts a run."""

import streamlit as st

from roboreg_core.ui import keys, navigation, panels
from roboreg_core.ui.design import (
    block_rows,
    editing_session,
    json_files,
    launcher,
    live_costs,
    predictions,
    preview_panel,
    schedule_picker,
    toolbar,
)

navigation.enter("design")


@st.fragment(key=keys.WORKBENCH_PART)
def workbench() -> None:
    """The schedule on the left, its cost and the start on the right; only parts of this rerun when a slider moves."""
    editing_session.problem_shown()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        toolbar.presets()
        with st.container(horizontal=True, width="content"):  # on a narrow screen these go below as one
            schedule_picker.picker(editing_session.choose)
            schedule_picker.save(editing_session.schedule)
            json_files.panel()
    left, right = st.columns([3, 2], gap="large")
    with right:
        known, measured, start, exchange = (st.container() for _ in range(4))
    with start:  # drawn first: what is foretold and measured depends on the settings
        st.subheader("Prune and fine-tune")
        launcher.panel(editing_session.schedule)
    with known:
        live_costs.live(editing_session.schedule)
    with left:
        toolbar.bar()
        block_rows.rows()
    with exchange:
        predictions.exchanged()
    with measured:
        preview_panel.panel(editing_session.schedule)


panels.heading(
    "Design a schedule",
    "How many filters does each block keep? The others are dropped or merged, and what stays is adjusted. "
    "The counts follow live, the accuracy right after pruning within seconds.",
)
with panels.errors_shown():
    editing_session.open_address()
    workbench()
