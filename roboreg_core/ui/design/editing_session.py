"""Edited schedule of the Design page, kept in the session with its history; the address `?s=` follows it.

An opened address sets the schedule, regardless of locks. Locks and links are kept in the session only.
"""

import streamlit as st

from roboreg_core.errors import ScheduleError, StoreError
from roboreg_core.schedules.editing import EditedSchedule, EditHistory, changed_blocks, named_blocks
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.ui import keys, panels, shared_state, url_settings

ADDRESS = "s"
DEFAULT = "moderate"
_HISTORY, _PROBLEM, _LOCKED_NOTE = "schedule-history", "schedule-problem", "schedule-locked-note"


def open_address() -> None:
    """Take the schedule from the opened page address; an invalid one gives the default schedule and a message."""
    text = url_settings.opened(ADDRESS)
    follow_network()
    if text is None:  # a rerun, or a return to the page: keep the schedule and its message
        return url_settings.write(ADDRESS, str(schedule()))
    try:
        _open(Schedule.parse(text, schedule().architecture))
    except ScheduleError as error:
        _open(default())
        set_problem(f"The schedule in the address is invalid: {error}. Showing {DEFAULT} instead.")


def follow_network() -> bool:
    """Start again with the same preset if the chosen dense network is of another architecture; True if it is."""
    now = schedule()
    try:
        architecture = shared_state.architecture()
    except StoreError:  # keep the schedule, to be downloaded
        architecture = now.architecture
    if now.architecture == architecture:
        return False
    _put(EditHistory(now=EditedSchedule(schedule=presets(architecture)[now.name or DEFAULT])))
    return True


def default() -> Schedule:
    """The schedule that a visit starts with, for the present architecture."""
    return presets(schedule().architecture)[DEFAULT]


def history() -> EditHistory:
    """The edited schedule (`now`) and the earlier and undone states of this visit."""
    first = EditedSchedule(schedule=presets()[DEFAULT])
    value: EditHistory = st.session_state.get(_HISTORY) or EditHistory(now=first)
    return value


def current() -> EditedSchedule:
    """The edited schedule with its locked and linked blocks."""
    return history().now


def schedule() -> Schedule:
    """The current schedule."""
    return current().schedule


def set_problem(message: str) -> None:
    """Keep the error message of an address or file for `show_problem`."""
    st.session_state[_PROBLEM] = message


def show_problem() -> None:
    """Show the error of an address or file until the schedule changes."""
    panels.show_error(st.session_state.get(_PROBLEM, ""))


def show_locked_note() -> None:
    """Name once the locked blocks that the last change left as they were."""
    message = st.session_state.pop(_LOCKED_NOTE, None)
    if message:
        st.toast(message, icon=":material/lock:")


def change(after: EditedSchedule) -> None:
    """For callbacks: apply an edit and redraw the parts that show it."""
    _go(history().apply(after))


def undo() -> None:
    """For callbacks: undo the last edit."""
    _go(history().undo())


def redo() -> None:
    """For callbacks: redo the last undone edit."""
    _go(history().redo())


def set_unlocked(value: Schedule) -> None:
    """For callbacks: replace the schedule except for its locked blocks, and redraw the parts that show it."""
    _note_locked(value)
    change(current().set_unlocked(value))


def choose(value: Schedule) -> None:
    """For callbacks outside the editor, e.g. of saved schedules: as `set_unlocked`, but redraw the whole editor."""
    _note_locked(value)
    _put(history().apply(current().set_unlocked(value)))
    panels.redraw(keys.EDITOR_PART)


def _note_locked(value: Schedule) -> None:
    kept = current().locked_differences(value)
    if kept:
        blocks = named_blocks(kept, len(value.counts))
        st.session_state[_LOCKED_NOTE] = f"Locked, so not changed: {blocks}."


def _open(value: Schedule) -> None:
    if _HISTORY in st.session_state:
        return _put(history().apply(current().open(value)))
    return _put(EditHistory(now=EditedSchedule(schedule=value)))


def _put(value: EditHistory) -> None:
    st.session_state[_HISTORY] = value
    st.session_state.pop(_PROBLEM, None)
    url_settings.write(ADDRESS, str(value.now.schedule))


def _go(after: EditHistory) -> None:
    """Keep the history and redraw only the parts that differ."""
    before, stale = current(), _PROBLEM in st.session_state
    _put(after)
    panels.redraw(*([keys.EDITOR_PART] if stale else _parts(before, after.now)))


def _parts(before: EditedSchedule, after: EditedSchedule) -> list[str]:
    """Fragments that differ, the most visible ones first."""
    moved = before.schedule != after.schedule
    rows = [keys.row_part(block) for block in changed_blocks(before, after)]
    stages = [keys.stage_part(n) for n in after.schedule.architecture.stages if n in before.linked ^ after.linked]
    live = keys.LIVE_PARTS if moved else ()
    last = (keys.REMOVAL_PART, keys.PREVIEW_PART) if moved else ()
    return [*live, *rows, *stages, keys.TOOLS_PART, *last]
