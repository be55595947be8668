"""Schedules as JSON files on the Design page: take one home, or bring one."""

from __future__ import annotations

import json

import streamlit as st

from roboreg_core.errors import ScheduleError
from roboreg_core.schedules import schedule_file
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.ui import keys, panels
from roboreg_core.ui.design import editing_session


def panel() -> None:
    """Take a schedule home as JSON, or bring one."""
    with st.popover("Import or export", icon=":material/swap_vert:"):
        st.download_button(
            "Download this schedule (JSON)",
            json.dumps({"schedule": editing_session.schedule().to_json()}),
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
    value = schedule_file.read_json(content)
    if schedule_file.is_ours(value):
        drafts = schedule_file.read(content)
        if len(drafts) > 1:
            raise ScheduleError(f"this file holds {len(drafts)} saved schedules, not one: import it under Schedules")
        return drafts[0].schedule
    if isinstance(value, dict):
        if "schedule" not in value:
            raise ScheduleError(f"a schedule file must hold `schedule`, got {', '.join(list(value)[:5]) or 'nothing'}")
        value = value["schedule"]
    return Schedule.from_json(value)


def _uploaded() -> None:
    file = st.session_state[keys.UPLOAD_SCHEDULE]
    if file is None:
        return
    try:
        editing_session.choose(read_schedule(file.getvalue()))
    except ScheduleError as error:
        editing_session.problem(f"{panels.sentence(error)} The schedule stays as it was.")
