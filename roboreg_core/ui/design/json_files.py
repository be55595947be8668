"""Import and export of a schedule as a JSON file."""

import json

import streamlit as st

from roboreg_core.architecture import Architecture
from roboreg_core.errors import ArchitectureError, ScheduleError
from roboreg_core.schedules import schedule_file
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.ui import access, keys, panels
from roboreg_core.ui.design import editing_session


def panel() -> None:
    """Draw a popover with a button that downloads the current schedule and a field that uploads another."""
    with st.popover("Import or export", icon=":material/swap_vert:"):
        download(keys.DOWNLOAD_SCHEDULE)
        n_blocks = len(editing_session.schedule().counts)
        st.file_uploader(
            f"Load a schedule (JSON): a list of {n_blocks} counts, or an object with such a list under `schedule`",
            type="json",
            key=keys.UPLOAD_SCHEDULE,
            on_change=_uploaded,
            disabled=not access.may_write(),
        )


def download(key: str = keys.DOWNLOAD_CURRENT) -> None:
    """Draw a button, with the widget key `key`, that downloads the current schedule."""
    content = json.dumps(editing_session.schedule().stored())
    panels.download("Download this schedule (JSON)", content, "schedule.json", key)


def read_schedule(content: bytes, architecture: Architecture) -> Schedule:
    """Parse an uploaded JSON file: a list of counts, or an object with such a list under `schedule`.

    Raises `ScheduleError` or `ArchitectureError`: it is invalid, or for another architecture than `architecture`.
    """
    found = _parsed(content, architecture)
    if found.architecture != architecture:
        raise ScheduleError(
            f"the schedule must be for the chosen network ({architecture.label}), got one for "
            f"{found.architecture.label}: choose a dense network of that kind first"
        )
    return found


def _parsed(content: bytes, architecture: Architecture) -> Schedule:
    value = schedule_file.read_json(content)
    if schedule_file.is_ours(value):
        drafts = schedule_file.read(content)
        if len(drafts) > 1:
            raise ScheduleError(f"this file contains {len(drafts)} saved schedules: import it on the Schedules page")
        return drafts[0].schedule
    if isinstance(value, dict):
        if "schedule" not in value:
            raise ScheduleError(
                f"a schedule file must contain `schedule`, got {', '.join(list(value)[:5]) or 'nothing'}"
            )
        if "architecture" in value:
            return Schedule.from_stored(value)
        value = value["schedule"]
    return Schedule.from_json(value, architecture)


def _uploaded() -> None:
    file = st.session_state[keys.UPLOAD_SCHEDULE]
    if file is None:
        return
    try:
        found = read_schedule(file.getvalue(), editing_session.schedule().architecture)
        found.check_within(editing_session.limit())
        editing_session.choose(found)
    except (ScheduleError, ArchitectureError) as error:
        editing_session.set_problem(f"{panels.sentence(error)} The schedule was not changed.")
