"""Controls that change several blocks at once: presets, undo, redo, scale, reset, unlock."""

from typing import Literal

import streamlit as st

from roboreg_core.schedules import schedule
from roboreg_core.schedules.editing import SCALES, named_blocks, step_words
from roboreg_core.ui import keys, panels
from roboreg_core.ui.design import editing_session


@panels.fragment(key=keys.PRESETS_PART)
def presets() -> None:
    """Draw a button per preset, which sets all unlocked blocks; the button of the current schedule is filled."""
    name = editing_session.schedule().name
    with st.container(horizontal=True, gap="xsmall"):
        for preset, value in schedule.presets(editing_session.schedule().architecture).items():
            kind: Literal["primary", "secondary"] = "primary" if preset == name else "secondary"
            st.button(
                preset.capitalize(),
                key=keys.of("preset", preset),
                on_click=editing_session.set_unlocked,
                args=(value,),
                type=kind,
            )


@panels.fragment(key=keys.TOOLS_PART)
def bar() -> None:
    """Draw the buttons undo, redo, scale, reset and, if a block is locked, unlock."""
    editing_session.show_locked_note()
    with st.container(horizontal=True, vertical_alignment="center", key=keys.TOOLS_BAR):
        _steps()
        with st.popover("Scale", icon=":material/percent:", key=keys.SCALE_PANEL, type="tertiary"):
            _scale()
        st.button(
            f"Reset to {editing_session.DEFAULT.capitalize()}",
            key=keys.RESET,
            icon=":material/restart_alt:",
            on_click=editing_session.set_unlocked,
            args=(editing_session.default(),),
            type="tertiary",
            help="Locked blocks keep their filters.",
        )
        locked, n_blocks = editing_session.current().locked, len(editing_session.schedule().counts)
        if locked:
            st.button(
                "Unlock all",
                key=keys.UNLOCK_ALL,
                icon=":material/lock_open:",
                on_click=lambda: editing_session.change(editing_session.current().unlock()),
                type="tertiary",
                help=f"Locked: {named_blocks(sorted(locked), n_blocks)}. "
                "Presets, loading, Scale and links do not change them.",
            )


def _steps() -> None:
    history = editing_session.history()
    last = step_words(history.past[-1], history.now) if history.past else ""
    following = step_words(history.now, history.future[0]) if history.future else ""
    for label, key, step, words, shortcut in (
        ("Undo", keys.UNDO_STEP, editing_session.undo, last, "Alt+Z"),
        ("Redo", keys.REDO_STEP, editing_session.redo, following, "Alt+Shift+Z"),
    ):
        st.button(
            label,
            key=key,
            icon=f":material/{label.lower()}:",
            on_click=step,
            type="tertiary",
            disabled=not words,
            shortcut=shortcut,
            help=f"{label}: {words}." if words else f"Nothing to {label.lower()}.",
        )


def _scale() -> None:
    st.number_input(
        "Percent of the filters kept now",
        float(SCALES[0]),
        float(SCALES[1]),
        50.0,
        step=5.0,
        format="%.0f",
        key=keys.SCALE,
        help="Rounded, at least 1 filter per block. Locked blocks keep their filters.",
    )
    st.button("Scale all blocks", key=keys.SCALE_ALL, type="primary", on_click=_scale_all)


def _scale_all() -> None:
    editing_session.change(editing_session.current().scale(st.session_state[keys.SCALE]))
