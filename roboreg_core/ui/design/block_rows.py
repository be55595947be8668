"""Rows of the schedule editor, one per block, under a heading per stage: lock, slider, number field, bar.

Below the slider: the block's sensitivity and ticks; below the bar: the cost of removing one filter. A slider and its
number field show the same count.
"""

from typing import Any

import streamlit as st

from roboreg_core.charts import palette
from roboreg_core.models.costs import block_parameters
from roboreg_core.ui import keys, panels
from roboreg_core.ui.design import editing_session, predictions, slider_ticks

_MOUNTS = "schedule-mounts"
# Widths of lock, slider, number field, bar; side by side even on a phone.
_WIDTHS = (1.6, 4.8, 2.4, 2.0)
# On a narrow screen the figure wraps below its bar.
_BAR = (
    '<div role="img" aria-label="{share:.0f}% of its parameters kept" '
    'style="display:flex;flex-wrap:wrap;align-items:center;gap:0 .5em">'
    '<span style="flex:1 1 2.5em;height:6px;border-radius:3px;background:linear-gradient(to right, '
    f"{palette.FILL} "
    '{share:.1f}%, color-mix(in srgb, currentColor 12%, transparent) {share:.1f}%)"></span>'
    '<span style="font-size:.85rem;min-width:2.4em;text-align:right">{share:.0f}%</span></div>'
)


def rows() -> None:
    """Draw one row per block, grouped by stage."""
    with st.container(key=keys.SCHEDULE_ROWS):
        architecture = editing_session.schedule().architecture
        for stage in architecture.stages:
            panels.fragment(_heading, key=keys.stage_part(stage))(stage)
            for block in architecture.blocks_of(stage):
                panels.fragment(_row, key=keys.row_part(block))(block)
        st.caption(predictions.legend())


def _heading(stage: int) -> None:
    linked = stage in editing_session.current().linked
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        architecture = editing_session.schedule().architecture
        width, size = architecture.stage_widths[stage - 1], architecture.stage_sizes[stage - 1]
        st.markdown(f"**Stage {stage}** :gray[· {width} filters per block, {size} × {size} pixels]", width="content")
        st.button(
            "Linked" if linked else "Link",
            key=keys.of("link", stage),
            icon=":material/link:" if linked else ":material/link_off:",
            type="tertiary",
            on_click=_link,
            args=(stage,),
            help="The blocks of this stage change by the same count. Press to unlink."
            if linked
            else "Link: the blocks of this stage change by the same count.",
        )


def _row(block: int) -> None:
    schedule = editing_session.schedule()
    bound, count = schedule.bounds[block - 1], schedule.counts[block - 1]
    locked = block in editing_session.current().locked
    share = block_parameters(schedule)[block - 1] / block_parameters(schedule.dense)[block - 1]
    label = f"Filters kept in block {block}, 1 to {bound}{', locked' if locked else ''}"
    name, slide, field, bar = st.columns(_WIDTHS, gap="small", vertical_alignment="center", wrap=False)
    with name:
        _lock(block, locked)
    options: dict[str, Any] = {"label_visibility": "collapsed", "on_change": _moved, "disabled": locked}
    with slide.container(key=(one := keys.of("slider", block)), gap=None):
        key, value = _mounted(one, count)
        st.slider(label, 1, bound, value, key=key, args=(block, one, key), **options)
        st.html(
            f'<div style="margin:0 {slider_ticks.INSET}px">{predictions.strip(block)}{slider_ticks.strip(block)}</div>'
        )
    with field.container(key=(one := keys.of("number", block))):
        key, value = _mounted(one, count)
        st.number_input(label, 1, bound, value, key=key, args=(block, one, key), **options)
    bar.html(_BAR.format(share=100 * share) + predictions.one_fewer(block))


def _lock(block: int, locked: bool) -> None:
    st.button(
        f"Block {block}",
        key=keys.of("lock", block),
        icon=":material/lock:" if locked else ":material/lock_open_right:",
        type="tertiary",
        on_click=_toggle,
        args=(block,),
        help=f"Unlock block {block}." if locked else f"Lock block {block} against all changes.",
    )


def _mounted(name: str, count: int) -> tuple[str, int]:
    """Key and initial value of a widget that shows `count`.

    A browser sends the values of all widgets with every change, so right after a slider moved, its number field still
    sends the old count. If the field was only set to the new value, that echo would count as an edit and move the
    slider back. A widget with another count is therefore replaced by one with a new key, and echoes of the old key are
    ignored.
    """
    mounts: dict[str, tuple[int, int]] = st.session_state.setdefault(_MOUNTS, {})
    number, first = mounts.setdefault(name, (0, count))
    if st.session_state.get(_key(name), first) != count:
        mounts[name] = (number + 1, count)
    return _key(name), mounts[name][1]


def _key(name: str) -> str:
    return f"{name}-{st.session_state[_MOUNTS][name][0]}"


def _moved(block: int, name: str, key: str) -> None:
    """Callback of a slider or number field; ignores the echo of a replaced one."""
    count = st.session_state.get(key)
    if count is not None and key == _key(name):
        editing_session.change(editing_session.current().set_count(block, int(count)))


def _toggle(block: int) -> None:
    editing_session.change(editing_session.current().toggle_lock(block))


def _link(stage: int) -> None:
    editing_session.change(editing_session.current().toggle_link(stage))
