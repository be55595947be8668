"""Design: filters kept per block, their cost and accuracy, and a button that starts a run."""

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


@panels.fragment(key=keys.EDITOR_PART, offer=json_files.download)
def editor() -> None:
    """The schedule on the left, its cost and the start on the right; only parts of this rerun when a slider moves."""
    editing_session.show_problem()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        toolbar.presets()
        with st.container(horizontal=True, width="content"):  # wraps as one on a narrow screen
            schedule_picker.picker(editing_session.choose)
            schedule_picker.save(editing_session.schedule)
            json_files.panel()
    left, right = st.columns([3, 2], gap="large")
    with right:
        costs, measured, start, removal = (st.container() for _ in range(4))
    with start:  # drawn first: predictions and preview depend on its settings
        st.subheader("Prune and fine-tune")
        launcher.panel(editing_session.schedule)
    with costs:
        live_costs.live(editing_session.schedule)
    with left:
        toolbar.bar()
        block_rows.rows()
    with removal:
        predictions.removal_table()
    with measured:
        preview_panel.panel(editing_session.schedule)


panels.heading(
    "Choose how many filters each block keeps. Costs follow immediately, the accuracy right after pruning within "
    "seconds."
)
with panels.errors_shown():
    editing_session.open_address()
    editor()
