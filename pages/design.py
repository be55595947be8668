"""Design: nine counts, what they cost at once, what they leave of the accuracy, and one button that starts a run."""

import streamlit as st

from roboreg_core.ui import counts, guard, keys, launcher, panels, preview, saved_design
from roboreg_core.ui.design import files, foretold, rows, sketching, tools

guard.enter("design")


@st.fragment(key=keys.WORKBENCH_PART)
def workbench() -> None:
    """The schedule on the left, its cost and the start on the right; only parts of this rerun when a slider moves."""
    sketching.problem_shown()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tools.presets()
        with st.container(horizontal=True, width="content"):  # on a narrow screen these go below as one
            saved_design.picker(sketching.choose)
            saved_design.save(sketching.schedule)
            files.panel()
    left, right = st.columns([3, 2], gap="large")
    with right:
        known, measured, start, exchange = (st.container() for _ in range(4))
    with start:  # drawn first: what is foretold and measured depends on the settings
        st.subheader("Prune and fine-tune")
        launcher.panel(sketching.schedule)
    with known:
        counts.live(sketching.schedule)
    with left:
        tools.bar()
        rows.rows()
    with exchange:
        foretold.exchanged()
    with measured:
        preview.panel(sketching.schedule)


panels.heading(
    "Design a schedule",
    "How many filters does each block keep? The others are dropped or merged, and what stays is adjusted. "
    "The counts follow live, the accuracy right after pruning within seconds.",
)
with panels.errors_shown():
    sketching.open_address()
    workbench()
