"""The rows of the editor, a block each under a heading a stage: lock, slider, number field, bar.

Under the slider stand the block's sensitivity and the ticks, under the bar what one cluster fewer would do.

A slider and its number field are two views of the same count.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from roboreg_core.models.costs import block_parameters
from roboreg_core.schedules.editing import blocks_of
from roboreg_core.schedules.schedule import BOUNDS, PRESETS, STAGE_WIDTHS
from roboreg_core.ui import keys
from roboreg_core.ui.design import editing_session, predictions, slider_ticks

_MOUNTS = "schedule-mounts"
_DENSE_BLOCKS = block_parameters(PRESETS["dense"])
_STAGE_SIZES = ("32 x 32", "16 x 16", "8 x 8")
# Block and lock, slider, number field, bar; they stay side by side on a telephone.
_WIDTHS = (1.6, 4.8, 2.4, 2.0)
# The figure goes below its bar where there is no room beside it.
_BAR = (
    '<div role="img" aria-label="{share:.0f}% of its parameters stay" '
    'style="display:flex;flex-wrap:wrap;align-items:center;gap:0 .5em">'
    '<span style="flex:1 1 2.5em;height:6px;border-radius:3px;background:linear-gradient(to right, '
    '#1F7CB6 {share:.1f}%, color-mix(in srgb, currentColor 12%, transparent) {share:.1f}%)"></span>'
    '<span style="font-size:.85rem;min-width:2.4em;text-align:right">{share:.0f}%</span></div>'
)


def rows() -> None:
    """A row a block, grouped by stage."""
    with st.container(key=keys.SCHEDULE_ROWS):
        for stage in range(1, len(STAGE_WIDTHS) + 1):
            st.fragment(_heading, key=keys.stage_part(stage))(stage)
            for block in blocks_of(stage):
                st.fragment(_row, key=keys.row_part(block))(block)
        st.caption(predictions.legend())


def _heading(stage: int) -> None:
    linked = stage in editing_session.sketch().linked
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
    bound, count = BOUNDS[block - 1], editing_session.schedule().clusters[block - 1]
    locked = block in editing_session.sketch().locked
    share = block_parameters(editing_session.schedule())[block - 1] / _DENSE_BLOCKS[block - 1]
    label = f"Clusters kept in block {block}, 1 to {bound}{', locked' if locked else ''}"
    name, slide, field, bar = st.columns(_WIDTHS, gap="small", vertical_alignment="center", wrap=False)
    with name:
        _lock(block, locked)
    options: dict[str, Any] = {"label_visibility": "collapsed", "on_change": _moved, "disabled": locked}
    with slide.container(key=(one := keys.slider(block)), gap=None):
        key, value = _mounted(one, count)
        st.slider(label, 1, bound, value, key=key, args=(block, one, key), **options)
        st.html(
            f'<div style="margin:0 {slider_ticks.INSET}px">{predictions.strip(block)}{slider_ticks.strip(block)}</div>'
        )
    with field.container(key=(one := keys.number(block))):
        key, value = _mounted(one, count)
        st.number_input(label, 1, bound, value, key=key, args=(block, one, key), **options)
    bar.html(_BAR.format(share=100 * share) + predictions.one_fewer(block))


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
        editing_session.change(editing_session.sketch().move(block, int(count)))


def _toggle(block: int) -> None:
    editing_session.change(editing_session.sketch().toggle_lock(block))


def _link(stage: int) -> None:
    editing_session.change(editing_session.sketch().toggle_link(stage))
