"""The sketch on the Design page: it lives in the session with its history; the address `?s=` follows its schedule.

An address that was opened sets the schedule exactly. Locks and links stay in the session: they are of the work, not of
the schedule.
"""

from __future__ import annotations

import streamlit as st

from roboreg_core.errors import ScheduleError
from roboreg_core.schedules.editing import N_STAGES, EditedSchedule, EditHistory, changed_blocks, named_blocks
from roboreg_core.schedules.schedule import PRESETS, Schedule
from roboreg_core.ui import keys, panels, url_settings

ADDRESS = "s"
DEFAULT = PRESETS["moderate"]
_HISTORY, _PROBLEM, _STAYED = "sketch-history", "schedule-problem", "sketch-stayed"


def open_address() -> None:
    """Take the schedule from an address that was opened; junk leaves the default and a message."""
    text = url_settings.opened(ADDRESS)
    if text is None:  # the page is drawn again, or come back to: nothing has changed, so a message stands
        return url_settings.write(ADDRESS, str(schedule()))
    try:
        _open(Schedule.parse(text))
    except ScheduleError as error:
        _open(DEFAULT)
        problem(f"The address holds no valid schedule: {error}. Showing {DEFAULT.label} instead.")


def history() -> EditHistory:
    """The sketch with all that was done to it in this visit."""
    value: EditHistory = st.session_state.get(_HISTORY) or EditHistory(now=EditedSchedule(schedule=DEFAULT))
    return value


def sketch() -> EditedSchedule:
    """The sketch as it stands."""
    return history().now


def schedule() -> Schedule:
    """The schedule as it stands."""
    return sketch().schedule


def problem(message: str) -> None:
    """Keep what was wrong with an address or a file, for `problem_shown`."""
    st.session_state[_PROBLEM] = message


def problem_shown() -> None:
    """Say what was wrong with an address or a file, until the next change."""
    message = st.session_state.get(_PROBLEM)
    if message:
        st.error(panels.escape(message), icon=":material/error:")


def stayed_shown() -> None:
    """Say once which locked blocks a schedule left as they were; callbacks may not show anything themselves."""
    message = st.session_state.pop(_STAYED, None)
    if message:
        st.toast(message, icon=":material/lock:")


def change(after: EditedSchedule) -> None:
    """For callbacks: go on with another sketch, and draw again what shows it."""
    _go(history().do(after))


def undo() -> None:
    """For callbacks: one step back."""
    _go(history().undo())


def redo() -> None:
    """For callbacks: one step forward again."""
    _go(history().redo())


def take(value: Schedule) -> None:
    """For callbacks: another schedule as a whole; locked blocks stay, and that is said."""
    _note_what_stays(value)
    change(sketch().take(value))


def choose(value: Schedule) -> None:
    """The same for what the workbench itself holds, like the list of saved schedules: all of it is drawn again."""
    _note_what_stays(value)
    _put(history().do(sketch().take(value)))
    panels.redraw(keys.WORKBENCH_PART)


def _note_what_stays(value: Schedule) -> None:
    kept = sketch().kept_from(value)
    if kept:
        blocks = named_blocks(kept)
        stay = "is locked and stays as it is" if len(kept) == 1 else "are locked and stay as they are"
        st.session_state[_STAYED] = f"{blocks[:1].upper()}{blocks[1:]} {stay}."


def _open(value: Schedule) -> None:
    if _HISTORY in st.session_state:
        return _put(history().do(sketch().open(value)))
    return _put(EditHistory(now=EditedSchedule(schedule=value)))


def _put(value: EditHistory) -> None:
    st.session_state[_HISTORY] = value
    st.session_state.pop(_PROBLEM, None)
    url_settings.write(ADDRESS, str(value.now.schedule))


def _go(after: EditHistory) -> None:
    """Keep it, and draw again only what shows the difference; the page's other rows stay as they are."""
    before, stale = sketch(), _PROBLEM in st.session_state
    _put(after)
    panels.redraw(*([keys.WORKBENCH_PART] if stale else _parts(before, after.now)))


def _parts(before: EditedSchedule, after: EditedSchedule) -> list[str]:
    """The fragments that differ, in the order in which they are watched for."""
    moved = before.schedule != after.schedule
    rows = [keys.row_part(block) for block in changed_blocks(before, after)]
    stages = [keys.stage_part(n) for n in range(1, N_STAGES + 1) if n in before.linked ^ after.linked]
    live = keys.LIVE_PARTS if moved else ()
    last = (keys.EXCHANGE_PART, keys.PREVIEW_PART) if moved else ()
    return [*live, *rows, *stages, keys.TOOLS_PART, *last]
