"""What changes several blocks at once on the Design page: presets, undo, redo, scale, unlock, reset."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from roboreg_core.schedules.editing import SCALES, named_blocks, step_words
from roboreg_core.schedules.schedule import PRESETS
from roboreg_core.ui import keys
from roboreg_core.ui.design import editing_session

_HALF = 50.0


@st.fragment(key=keys.PRESETS_PART)
def presets() -> None:
    """A button a preset, the one in force filled."""
    name = editing_session.schedule().name
    with st.container(horizontal=True, gap="xsmall"):
        for preset, value in PRESETS.items():
            kind: Literal["primary", "secondary"] = "primary" if preset == name else "secondary"
            st.button(
                preset.capitalize(), key=keys.preset(preset), on_click=editing_session.take, args=(value,), type=kind
            )


@st.fragment(key=keys.TOOLS_PART)
def bar() -> None:
    """Undo, redo, scale, reset and, where a block is locked, unlock; which locked blocks were left as they were."""
    editing_session.stayed_shown()
    with st.container(horizontal=True, vertical_alignment="center", key=keys.TOOLS_BAR):
        _steps()
        with st.popover("Scale", icon=":material/percent:", key=keys.SCALE_PANEL, type="tertiary"):
            _scale()
        st.button(
            "Reset",
            key=keys.RESET,
            icon=":material/restart_alt:",
            on_click=editing_session.take,
            args=(editing_session.DEFAULT,),
            type="tertiary",
            help=f"Back to {editing_session.DEFAULT.label}; locked blocks stay.",
        )
        locked = editing_session.sketch().locked
        if locked:
            st.button(
                "Unlock all",
                key=keys.UNLOCK_ALL,
                icon=":material/lock_open:",
                on_click=_unlock,
                type="tertiary",
                help=f"Locked: {named_blocks(sorted(locked))}. Presets, loading, Scale and linked blocks leave them.",
            )


def _steps() -> None:
    history = editing_session.history()
    last = step_words(history.past[-1], history.now) if history.past else ""
    following = step_words(history.now, history.future[0]) if history.future else ""
    st.button(
        "Undo",
        key=keys.UNDO_STEP,
        icon=":material/undo:",
        on_click=editing_session.undo,
        type="tertiary",
        disabled=not last,
        shortcut="Alt+Z",
        help=f"Take back: {last}." if last else "Nothing to take back yet.",
    )
    st.button(
        "Redo",
        key=keys.REDO_STEP,
        icon=":material/redo:",
        on_click=editing_session.redo,
        type="tertiary",
        disabled=not following,
        shortcut="Alt+Shift+Z",
        help=f"Do again: {following}." if following else "Nothing was taken back.",
    )


def _scale() -> None:
    st.number_input(
        "Percent of what each block keeps now",
        float(SCALES[0]),
        float(SCALES[1]),
        _HALF,
        step=5.0,
        format="%.0f",
        key=keys.SCALE,
        help="Rounded, at least 1 and at most all filters of a block. Locked blocks stay.",
    )
    st.button("Scale all blocks", key=keys.SCALE_ALL, type="primary", on_click=_scale_all)


def _scale_all() -> None:
    editing_session.change(editing_session.sketch().scale(st.session_state[keys.SCALE]))


def _unlock() -> None:
    editing_session.change(editing_session.sketch().unlock())
