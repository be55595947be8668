"""The schedule editor: nine sliders and number fields, presets, and the address that holds them.

The schedule lives in the session; the address `?s=` follows it, and an address that was opened sets it. A slider and
its number field are two views of the same count.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import streamlit as st

from roboreg_core.errors import ScheduleError
from roboreg_core.model.cost import block_parameters
from roboreg_core.saved import exchange as files
from roboreg_core.schedule import BLOCKS_PER_STAGE, BOUNDS, PRESETS, STAGE_WIDTHS, Schedule
from roboreg_core.ui import address, keys, panels

ADDRESS = "s"
DEFAULT = PRESETS["moderate"]
_SCHEDULE, _PROBLEM, _MOUNTS = "schedule", "schedule-problem", "schedule-mounts"
_DENSE_BLOCKS = block_parameters(PRESETS["dense"])
_STAGE_SIZES = ("32 x 32", "16 x 16", "8 x 8")
# Label, slider, number field, bar; they stay side by side on a telephone.
_WIDTHS = (1.5, 5, 2.6, 1.7)


def open_address() -> None:
    """Take the schedule from an address that was opened; junk leaves the default and a message."""
    text = address.opened(ADDRESS)
    try:
        _put(schedule() if text is None else Schedule.parse(text))
    except ScheduleError as error:
        _put(DEFAULT)
        message = f"The address holds no valid schedule: {error}. Showing {DEFAULT.label} instead."
        st.session_state[_PROBLEM] = message


def schedule() -> Schedule:
    """The schedule as it stands."""
    value: Schedule = st.session_state.get(_SCHEDULE, DEFAULT)
    return value


def problem_shown() -> None:
    """Say what was wrong with an address or a file, until the next change."""
    problem = st.session_state.get(_PROBLEM)
    if problem:
        st.error(panels.escape(problem), icon=":material/error:")


@st.fragment(key=keys.PRESETS_PART)
def presets() -> None:
    """A button a preset, the one in force filled, and one back to the default."""
    name = schedule().name
    with st.container(horizontal=True, gap="xsmall"):
        for preset, value in PRESETS.items():
            kind: Literal["primary", "secondary"] = "primary" if preset == name else "secondary"
            st.button(preset.capitalize(), key=keys.preset(preset), on_click=choose, args=(value,), type=kind)
        st.button(
            "Reset", key=keys.RESET, icon=":material/restart_alt:", on_click=choose, args=(DEFAULT,), type="tertiary"
        )


def choose(value: Schedule) -> None:
    """For callbacks of the workbench: another schedule as a whole, so every row is drawn again."""
    _put(value)
    panels.redraw(keys.WORKBENCH_PART)


def rows() -> None:
    """A row a block, grouped by stage."""
    with st.container(key=keys.SCHEDULE_ROWS):
        for stage, width in enumerate(STAGE_WIDTHS):
            st.markdown(f"**Stage {stage + 1}** :gray[· {width} filters a block, {_STAGE_SIZES[stage]} pixels]")
            for block in range(stage * BLOCKS_PER_STAGE + 1, (stage + 1) * BLOCKS_PER_STAGE + 1):
                st.fragment(_row, key=_part(block))(block)
        st.caption("Bars: share of the block's parameters that stay.")


def exchange() -> None:
    """Take a schedule home as JSON, or bring one."""
    with st.popover("Import or export", icon=":material/swap_vert:"):
        st.download_button(
            "Download this schedule (JSON)",
            json.dumps({"schedule": schedule().to_json()}),
            "schedule.json",
            "application/json",
            key=keys.DOWNLOAD_SCHEDULE,
            icon=":material/download:",
            on_click="ignore",
        )
        st.file_uploader(
            "Load a schedule (JSON): a list of nine counts, or an object with one under `schedule`",
            type="json",
            key=keys.UPLOAD_SCHEDULE,
            on_change=_uploaded,
        )


def read_schedule(content: bytes) -> Schedule:
    """A schedule from an uploaded file. Raises `ScheduleError` saying what is wrong with it."""
    value = files.read_json(content)
    if files.is_ours(value):
        drafts = files.read(content)
        if len(drafts) > 1:
            raise ScheduleError(f"this file holds {len(drafts)} saved schedules, not one: import it under Schedules")
        return drafts[0].schedule
    if isinstance(value, dict):
        if "schedule" not in value:
            raise ScheduleError(f"a schedule file must hold `schedule`, got {', '.join(list(value)[:5]) or 'nothing'}")
        value = value["schedule"]
    return Schedule.from_json(value)


def _part(block: int) -> str:
    return f"part-row-{block}"


def _row(block: int) -> None:
    bound, count = BOUNDS[block - 1], schedule().clusters[block - 1]
    share = block_parameters(schedule())[block - 1] / _DENSE_BLOCKS[block - 1]
    label = f"Clusters kept in block {block}, 1 to {bound}"
    name, slide, field, bar = st.columns(_WIDTHS, gap="small", vertical_alignment="center", wrap=False)
    name.markdown(f"Block {block}")
    options: dict[str, Any] = {"label_visibility": "collapsed", "on_change": _moved}
    with slide.container(key=(one := keys.slider(block))):
        key, value = _mounted(one, count)
        st.slider(label, 1, bound, value, key=key, args=(block, one, key), **options)
    with field.container(key=(one := keys.number(block))):
        key, value = _mounted(one, count)
        st.number_input(label, 1, bound, value, key=key, args=(block, one, key), **options)
    bar.progress(min(share, 1.0), text=f"{share:.0%}")


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


def _put(value: Schedule) -> None:
    st.session_state[_SCHEDULE] = value
    st.session_state.pop(_PROBLEM, None)
    address.write(ADDRESS, str(value))


def _moved(block: int, name: str, key: str) -> None:
    """A slider or number field was set; an echo of one that was replaced meanwhile says nothing."""
    count = st.session_state.get(key)
    if count is not None and key == _key(name):
        stale = _PROBLEM in st.session_state
        _put(schedule().replace(block, int(count)))
        # Only what shows this count is drawn again; the page's other rows stay as they are.
        panels.redraw(*([keys.WORKBENCH_PART] if stale else [*keys.LIVE_PARTS, _part(block), keys.PREVIEW_PART]))


def _uploaded() -> None:
    file = st.session_state[keys.UPLOAD_SCHEDULE]
    if file is None:
        return
    try:
        _put(read_schedule(file.getvalue()))
    except ScheduleError as error:
        st.session_state[_PROBLEM] = f"{panels.sentence(error)} The schedule stays as it was."
