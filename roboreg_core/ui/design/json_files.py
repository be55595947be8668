"""Import and export of a schedule as a JSON file."""

import json

import streamlit as st

from roboreg_core.errors import ScheduleError
from roboreg_core.schedules import schedule_file
from roboreg_core.schedules.schedule import N_BLOCKS, Schedule
from roboreg_core.ui import access, keys, panels
from roboreg_core.ui.design import editing_session


def panel() -> None:
    """Draw the download of the current schedule and the field to upload one."""
    with st.popover("Import or export", icon=":material/swap_vert:"):
        download(keys.DOWNLOAD_SCHEDULE)
        st.file_uploader(
            f"Load a schedule (JSON): a list of {N_BLOCKS} counts, or an object with such a list under `schedule`",
            type="json",
            key=keys.UPLOAD_SCHEDULE,
            on_change=_uploaded,
            disabled=not access.may_write(),
        )


def download(key: str = keys.DOWNLOAD_CURRENT) -> None:
    """Draw a button, with the widget key `key`, that downloads the current schedule."""
    content = json.dumps({"schedule": editing_session.schedule().to_json()})
    panels.download("Download this schedule (JSON)", content, "schedule.json", key)


def read_schedule(content: bytes) -> Schedule:
    """Parse the content of an uploaded file. Raises `ScheduleError`: it is invalid."""
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
        value = value["schedule"]
    return Schedule.from_json(value)


def _uploaded() -> None:
    file = st.session_state[keys.UPLOAD_SCHEDULE]
    if file is None:
        return
    try:
        editing_session.choose(read_schedule(file.getvalue()))
    except ScheduleError as error:
        editing_session.set_problem(f"{panels.sentence(error)} The schedule was not changed.")
