"""Design: nine counts, what they cost at once, what they leave of the accuracy, and one button that starts a run."""

import streamlit as st

from roboreg_core.ui import counts, guard, keys, launcher, panels, preview, saved_design
from roboreg_core.ui.design import files, rows, sketching, tools

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
    with right:  # drawn first: the counts are what a moving slider is watched for
        counts.live(sketching.schedule)
        measured = st.container()
    with left:
        tools.bar()
        rows.rows()
    with right:
        st.subheader("Prune and fine-tune")
        launcher.panel(sketching.schedule)
    with measured:  # drawn last: it follows what the launcher is set to
        preview.panel(sketching.schedule)


panels.heading(
    "Design a schedule",
    "How many filters does each block keep? The others are dropped or merged, and what stays is adjusted. "
    "The counts follow live, the accuracy right after pruning within seconds.",
)
with panels.errors_shown():
    sketching.open_address()
    workbench()
