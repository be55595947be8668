"""Rows of the schedule editor, one per block, under a heading per stage: lock, slider, number field, bar.

Below the slider: the block's sensitivity and ticks; below the bar: the cost of removing one filter. A slider and its
number field show the same count. With many blocks per stage, each stage is such a row, which scales its blocks together
and opens into their rows.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from roboreg_core.charts import palette
from roboreg_core.models.costs import block_parameters
from roboreg_core.schedules.editing import EditedSchedule, named_blocks
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
    """Draw a row per block, grouped by stage; in deep networks a row per stage, which opens into its blocks."""
    architecture = editing_session.architecture()
    with st.container(key=keys.SCHEDULE_ROWS):
        for stage in architecture.stages:
            panels.fragment(_heading, key=keys.stage_part(stage))(stage)
            if architecture.is_deep:
                panels.fragment(_stage_row, key=keys.stage_row_part(stage))(stage)
            if editing_session.is_open(stage):
                for block in architecture.blocks_of(stage):
                    panels.fragment(_row, key=keys.row_part(block))(block)
        st.caption(predictions.legend())


def _heading(stage: int) -> None:
    linked = stage in editing_session.current().linked
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        architecture = editing_session.architecture()
        width, size = architecture.stage_widths[stage - 1], architecture.stage_sizes[stage - 1]
        st.markdown(f"**Stage {stage}** :gray[· {width} filters per block, {size} × {size} pixels]", width="content")
        if not editing_session.is_open(stage):
            return
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
    bound, count = editing_session.limit().counts[block - 1], editing_session.schedule().counts[block - 1]
    locked = block in editing_session.current().locked
    label = f"Filters kept in block {block}, 1 to {bound}{', locked' if locked else ''}"
    name, slide, field, bar = st.columns(_WIDTHS, gap="small", vertical_alignment="center", wrap=False)
    with name:
        _lock(block, locked)
    below = f"{predictions.strip(block)}{slider_ticks.strip(block)}"
    _fields(slide, field, ("slider", "number", block), (label, bound, count, locked), _set_count, below)
    bar.html(_BAR.format(share=_share(range(block, block + 1))) + predictions.one_fewer(block))


def _stage_row(stage: int) -> None:
    edited, architecture = editing_session.current(), editing_session.architecture()
    blocks = architecture.blocks_of(stage)
    bound, mean = edited.stage_bound(stage), edited.stage_mean(stage)
    counts = edited.schedule.counts[blocks[0] - 1 : blocks[-1]]
    locked = edited.locked.issuperset(blocks)
    name, slide, field, bar = st.columns(_WIDTHS, gap="small", vertical_alignment="center", wrap=False)
    opened = editing_session.is_open(stage)
    with name:
        st.button(
            f"{len(blocks)} blocks",
            key=keys.of("open-stage", stage),
            icon=":material/expand_less:" if opened else ":material/expand_more:",
            type="tertiary",
            on_click=editing_session.toggle_open,
            args=(stage,),
            help=f"{'Hide' if opened else 'Show'} a row for each of blocks {blocks[0]} to {blocks[-1]}.",
        )
    label = f"Filters kept per block of stage {stage}, on average, 1 to {bound}{', locked' if locked else ''}"
    text = "the same in each block" if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}, on average {mean}"
    held = sorted(edited.locked.intersection(blocks))
    note = f"; locked: {named_blocks(held, architecture.n_blocks)}" if held else ""
    below = f'<div style="font-size:.75rem;opacity:.75">{text}{note}</div>'
    _fields(slide, field, ("stage-slider", "stage-number", stage), (label, bound, mean, locked), _set_stage, below)
    bar.html(_BAR.format(share=_share(blocks)))


def _fields(
    slide: DeltaGenerator,
    field: DeltaGenerator,
    names: tuple[str, str, int],
    values: tuple[str, int, int, bool],
    set_count: Callable[[int, int], EditedSchedule],
    below: str,
) -> None:
    """Draw slider and number field of one count.

    Args:
        slide: container of the slider.
        field: container of the number field.
        names: beginnings of their keys, and the number of the block or stage.
        values: label, largest count, count, and True if it is locked.
        set_count: returns the schedule with another count, given the number of the block or stage.
        below: HTML under the slider.
    """
    label, bound, count, locked = values
    options: dict[str, Any] = {"label_visibility": "collapsed", "on_change": _moved, "disabled": locked}
    with slide.container(key=(one := keys.of(names[0], names[2])), gap=None):
        key, value = _mounted(one, count)
        if bound > 1:  # a slider needs two values
            st.slider(label, 1, bound, value, key=key, args=(names[2], one, key, set_count), **options)
        st.html(f'<div style="margin:0 {slider_ticks.INSET}px">{below}</div>')
    with field.container(key=(one := keys.of(names[1], names[2]))):
        key, value = _mounted(one, count)
        st.number_input(label, 1, bound, value, key=key, args=(names[2], one, key, set_count), **options)


def _share(blocks: range) -> float:
    """Percentage of the parameters of these blocks that is kept."""
    schedule = editing_session.schedule()
    kept, dense = (block_parameters(each)[blocks[0] - 1 : blocks[-1]] for each in (schedule, schedule.dense))
    return 100 * sum(kept) / sum(dense)


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


def _moved(number: int, name: str, key: str, set_count: Callable[[int, int], EditedSchedule]) -> None:
    """Callback of a slider or number field; ignores the echo of a replaced one."""
    count = st.session_state.get(key)
    if count is not None and key == _key(name):
        editing_session.change(set_count(number, int(count)))


def _set_count(block: int, count: int) -> EditedSchedule:
    return editing_session.current().set_count(block, count)


def _set_stage(stage: int, mean: int) -> EditedSchedule:
    return editing_session.current().scale_stage(stage, mean)


def _toggle(block: int) -> None:
    editing_session.change(editing_session.current().toggle_lock(block))


def _link(stage: int) -> None:
    editing_session.change(editing_session.current().toggle_link(stage))
