"""Edited schedule of the Design page, kept in the session with its history; the address `?s=` follows it.

There is one history per shape of network, that of the chosen one. With many blocks per stage, a stage is one row until
it is opened. An opened address sets the schedule, regardless of locks. Locks and links are kept in the session
only.
"""

from collections.abc import Iterable
from contextlib import suppress

import streamlit as st

from roboreg_core.architecture import Architecture
from roboreg_core.errors import RoboRegError, ScheduleError
from roboreg_core.schedules.editing import EditedSchedule, EditHistory, changed_blocks, named_blocks
from roboreg_core.schedules.schedule import Schedule, dense_schedule, presets
from roboreg_core.ui import dense_choice, keys, panels, shared_state, url_settings

ADDRESS = "s"
DEFAULT = "moderate"
_HISTORY, _PROBLEM, _LOCKED_NOTE = "schedule-history", "schedule-problem", "schedule-locked-note"
_OPENED, _LIMIT = "schedule-opened-stages", "schedule-limit"


def open_address() -> None:
    """Set dense network and schedule from a newly opened page address; if invalid, set defaults and keep a message."""
    with suppress(RoboRegError):  # shown by the editor
        dense_choice.take_address()
    text = url_settings.opened(ADDRESS)
    if text is None:  # a rerun, or a return to the page: keep the schedule and its message
        return url_settings.write(ADDRESS, str(schedule()))
    try:
        opened = Schedule.parse(text, architecture())
        opened.check_within(limit())
        _open(opened)
    except ScheduleError as error:
        _open(default())
        set_problem(f"The schedule in the address is invalid: {error}. Showing {DEFAULT} instead.")


def history() -> EditHistory:
    """Undo history for the shape of the chosen network: the edited schedule (`now`), earlier and undone ones."""
    found = _histories().get(limit())
    return found or EditHistory(now=_edited(default()))


def limit() -> Schedule:
    """Upper bound of every edit: the filters of the chosen network, or of the one chosen before if the store fails."""
    with suppress(RoboRegError):  # shown by the page: the edited schedule can still be downloaded
        st.session_state[_LIMIT] = shared_state.filters()
    found: Schedule = st.session_state.get(_LIMIT, dense_schedule())
    return found


def architecture() -> Architecture:
    """Architecture of the chosen network; of the network chosen last while the store cannot be read."""
    return limit().architecture


def default() -> Schedule:
    """Initial schedule: the preset `DEFAULT`, with no block above the filters that the chosen network has."""
    return _edited(limit()).set_unlocked(presets(architecture())[DEFAULT]).schedule


def current() -> EditedSchedule:
    """The edited schedule with its locked and linked blocks."""
    return history().now


def schedule() -> Schedule:
    """The edited schedule."""
    return current().schedule


def is_open(stage: int) -> bool:
    """True if a row is shown for each block of a stage (1 to 3); always, unless the network is deep."""
    return not architecture().is_deep or stage in st.session_state.get(_OPENED, ())


def toggle_open(stage: int) -> None:
    """For callbacks: show or hide the rows of a stage's blocks."""
    st.session_state[_OPENED] = st.session_state.get(_OPENED, frozenset()) ^ {stage}
    panels.redraw(keys.EDITOR_PART)


def network_changed() -> None:
    """For callbacks, after another network was chosen: redraw the whole editor with the schedule for its shape."""
    st.session_state.pop(_PROBLEM, None)
    url_settings.write(ADDRESS, str(schedule()))
    panels.redraw(keys.EDITOR_PART)


def row_parts() -> list[str]:
    """Keys of the fragments of all rows that are drawn, for `panels.redraw`."""
    return _rows(architecture().blocks)


def set_problem(message: str) -> None:
    """Keep the error message of an address or file for `show_problem`."""
    st.session_state[_PROBLEM] = message


def show_problem() -> None:
    """Show the error of an address or file until the schedule changes."""
    panels.show_error(st.session_state.get(_PROBLEM, ""))


def show_locked_note() -> None:
    """Show a toast, once, that names the locked blocks that the last edit left unchanged."""
    message = st.session_state.pop(_LOCKED_NOTE, None)
    if message:
        st.toast(message, icon=":material/lock:")


def change(after: EditedSchedule) -> None:
    """For callbacks: make `after` the edited schedule, with an undo step, and redraw the fragments that show it."""
    _go(history().apply(after))


def undo() -> None:
    """For callbacks: undo the last edit."""
    _go(history().undo())


def redo() -> None:
    """For callbacks: redo the last undone edit."""
    _go(history().redo())


def set_unlocked(value: Schedule) -> None:
    """For callbacks: replace the counts of all unlocked blocks by those of `value`, and redraw what shows them."""
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
    if limit() in _histories():
        return _put(history().apply(current().open(value)))
    return _put(EditHistory(now=_edited(value)))


def _edited(value: Schedule) -> EditedSchedule:
    return EditedSchedule(schedule=value, limit=limit())


def _put(value: EditHistory) -> None:
    _histories()[value.now.most] = value
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
    rows = _rows(changed_blocks(before, after))
    stages = [keys.stage_part(n) for n in after.schedule.architecture.stages if n in before.linked ^ after.linked]
    live = keys.LIVE_PARTS if moved else ()
    last = (keys.REMOVAL_PART, keys.PREVIEW_PART) if moved else ()
    return [*live, *rows, *stages, keys.TOOLS_PART, *last]


def _rows(blocks: Iterable[int]) -> list[str]:
    """Fragments that show these blocks: of grouped stages, then of single blocks that are drawn."""
    network, shown = architecture(), list(blocks)
    stages = dict.fromkeys(map(network.stage_of, shown)) if network.is_deep else {}
    single = [block for block in shown if is_open(network.stage_of(block))]
    return [*map(keys.stage_row_part, stages), *map(keys.row_part, single)]


def _histories() -> dict[Schedule, EditHistory]:
    found: dict[Schedule, EditHistory] = st.session_state.setdefault(_HISTORY, {})
    return found
