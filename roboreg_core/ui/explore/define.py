"""Defines a sweep: the grid, how to prune, and what that will take, before anything starts."""

from __future__ import annotations

import streamlit as st

from roboreg_core.analysis.grid import Grid
from roboreg_core.charts import words
from roboreg_core.model.cost import DENSE_COST, cost
from roboreg_core.pruning.method import DEFAULT_METHOD
from roboreg_core.ui import address, keys, panels, state
from roboreg_core.ui.address import Setting, one_of
from roboreg_core.ui.explore import grid_fields
from roboreg_core.ui.launcher import IMAGES_WORDS, METHOD_WORDS, PRESET_WORDS

NO_TUNING = "none"
TUNE_WORDS = {NO_TUNING: "None"} | PRESET_WORDS


@st.fragment(key=keys.SWEEP_FORM_PART)
def show() -> None:
    """The fields on the left, what they ask for on the right."""
    st.subheader("New sweep")
    left, right = st.columns([3, 2], gap="large")
    with left:
        grid_fields.show()
        _pruning()
    with right, st.container(key=keys.SWEEP_COST, border=True), panels.errors_shown():
        _asked(grid_fields.read())


def _pruning() -> None:
    full = state.machinery().full_images
    known = [
        Setting(key=keys.SWEEP_METHOD, default=DEFAULT_METHOD, read=one_of(*METHOD_WORDS)),
        Setting(key=keys.SWEEP_SEEDS, default="0", read=lambda text: text[: grid_fields.MOST_TEXT]),
        Setting(key=keys.SWEEP_TUNE, default=NO_TUNING, read=one_of(*TUNE_WORDS)),
        Setting(key=keys.SWEEP_RECALIBRATE, default=False, read=address.flag),
        Setting(key=keys.SWEEP_IMAGES, default="full" if full else "bundled", read=one_of(*IMAGES_WORDS)),
    ]
    address.restore(known)
    left, middle, right = st.columns([2, 2, 3], vertical_alignment="bottom")
    method = st.session_state[keys.SWEEP_METHOD]
    left.selectbox(
        "Method", list(METHOD_WORDS), key=keys.SWEEP_METHOD, help=METHOD_WORDS[method], persist_state="session"
    )
    middle.text_input(
        "Seeds", key=keys.SWEEP_SEEDS, max_chars=grid_fields.MOST_TEXT, persist_state="session",
        help="Every schedule is measured once with each: 0, or 0-4 for five. Several show what chance alone does.",
    )  # fmt: skip
    right.segmented_control(
        "Fine-tuning", list(TUNE_WORDS), key=keys.SWEEP_TUNE, required=True, format_func=TUNE_WORDS.__getitem__,
        persist_state="session",
        help="None measures right after pruning: seconds a schedule. With fine-tuning every schedule becomes a run.",
    )  # fmt: skip


def _asked(grid: Grid) -> None:
    schedules = grid.schedules()
    macs = sorted(cost(schedule).macs / DENSE_COST.macs for schedule in schedules)
    st.metric("Schedules", f"{len(schedules):,}")
    st.caption(panels.escape(f"MACs {words.percent(macs[0])} to {words.percent(macs[-1])} of the dense network's."))
