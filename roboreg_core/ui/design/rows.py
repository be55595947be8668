"""The rows of the editor: a lock, a slider with its ticks, a number field and a bar a block, under a heading a stage.

A slider and its number field are two views of the same count.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from roboreg_core.model.cost import block_parameters
from roboreg_core.schedule import BOUNDS, PRESETS, STAGE_WIDTHS
from roboreg_core.sketch import blocks_of
from roboreg_core.ui import keys
from roboreg_core.ui.design import sketching, ticks

_MOUNTS = "schedule-mounts"
_DENSE_BLOCKS = block_parameters(PRESETS["dense"])
_STAGE_SIZES = ("32 x 32", "16 x 16", "8 x 8")
# Block and lock, slider, number field, bar; they stay side by side on a telephone.
_WIDTHS = (1.7, 5, 2.6, 1.5)


def rows() -> None:
    """A row a block, grouped by stage."""
    with st.container(key=keys.SCHEDULE_ROWS):
        for stage in range(1, len(STAGE_WIDTHS) + 1):
            st.fragment(_heading, key=keys.stage_part(stage))(stage)
            for block in blocks_of(stage):
                st.fragment(_row, key=keys.row_part(block))(block)
        st.caption(
            "Bars: share of the block's parameters that stay. Ticks: presets (grey) and saved schedules (orange)."
        )


def _heading(stage: int) -> None:
    linked = stage in sketching.sketch().linked
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        width, size = STAGE_WIDTHS[stage - 1], _STAGE_SIZES[stage - 1]
        st.markdown(f"**Stage {stage}** :gray[· {width} filters a block, {size} pixels]", width="content")
        st.button(
            "Linked" if linked else "Link",
            key=keys.link(stage),
            icon=":material/link:" if linked else ":material/link_off:",
            type="tertiary",
            on_click=_link,
            args=(stage,),
            help="Its blocks move by the same count. Press to let them go."
            if linked
            else "Let its three blocks move by the same count.",
        )


def _row(block: int) -> None:
    bound, count = BOUNDS[block - 1], sketching.schedule().clusters[block - 1]
    locked = block in sketching.sketch().locked
    share = block_parameters(sketching.schedule())[block - 1] / _DENSE_BLOCKS[block - 1]
    label = f"Clusters kept in block {block}, 1 to {bound}{', locked' if locked else ''}"
    name, slide, field, bar = st.columns(_WIDTHS, gap="small", vertical_alignment="center", wrap=False)
    with name:
        _lock(block, locked)
    options: dict[str, Any] = {"label_visibility": "collapsed", "on_change": _moved, "disabled": locked}
    with slide.container(key=(one := keys.slider(block)), gap=None):
        key, value = _mounted(one, count)
        st.slider(label, 1, bound, value, key=key, args=(block, one, key), **options)
        st.html(ticks.strip(block))
    with field.container(key=(one := keys.number(block))):
        key, value = _mounted(one, count)
        st.number_input(label, 1, bound, value, key=key, args=(block, one, key), **options)
    bar.progress(min(share, 1.0), text=f"{share:.0%}")


def _lock(block: int, locked: bool) -> None:
    st.button(
        f"Block {block}",
        key=keys.lock(block),
        icon=":material/lock:" if locked else ":material/lock_open_right:",
        type="tertiary",
        on_click=_toggle,
        args=(block,),
        help=f"Unlock block {block}." if locked else f"Lock block {block}: nothing moves it then.",
    )


def _mounted(name: str, count: int) -> tuple[str, int]:
    """Key and first value of a widget that shows `count`.

    A browser sends the values of all widgets with every change, so right after a slider moved its number field still
    tells the old count. Were the field merely given the new value, that echo would pass for an edit and move the slider
    back. So a widget that holds another count is replaced by one with a new key, and echoes of the old one are ignored.
    """
    mounts: dict[str, tuple[int, int]] = st.session_state.setdefault(_MOUNTS, {})
    number, first = mounts.setdefault(name, (0, count))
    if st.session_state.get(_key(name), first) != count:
        mounts[name] = (number + 1, count)
    return _key(name), mounts[name][1]


def _key(name: str) -> str:
    return f"{name}-{st.session_state[_MOUNTS][name][0]}"


def _moved(block: int, name: str, key: str) -> None:
    """A slider or number field was set; an echo of one that was replaced meanwhile says nothing."""
    count = st.session_state.get(key)
    if count is not None and key == _key(name):
        sketching.change(sketching.sketch().move(block, int(count)))


def _toggle(block: int) -> None:
    sketching.change(sketching.sketch().toggle_lock(block))


def _link(stage: int) -> None:
    sketching.change(sketching.sketch().toggle_link(stage))
