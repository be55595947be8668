"""Trainings and uploads under way, with their curves so far, and those that were stopped and may go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from roboreg_core.baselines.spec import NETWORK
from roboreg_core.charts import networks as told
from roboreg_core.charts import progress, words
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.ui import keys, panels, state
from roboreg_core.ui.job_list import BADGES
from roboreg_core.ui.launcher import queue_words
from roboreg_core.ui.train import curves

REFRESH_SECONDS = 1.0
ERRORS = "train-jobs"
_DRAWN = "train-active"


def active() -> None:
    """What is under way; looks again every second while something is, and only then."""
    panels.kept_error(ERRORS)
    jobs = _active()
    st.session_state[_DRAWN] = [job.id for job in jobs]
    if jobs:
        st.subheader("Under way")
        st.fragment(_unfinished, run_every=REFRESH_SECONDS)()


def broken_off() -> None:
    """What was stopped or failed, with the ways to go on."""
    waiting = stopped()
    if waiting:
        st.subheader("Not finished")
    for job in waiting:
        with st.container(border=True, key=keys.of_job("job", job.id)):
            _stopped_card(job)


def stopped() -> list[Job]:
    """The newest job of each network that is neither there, nor deleted, nor being made."""
    newest: dict[str, Job] = {}
    for job in state.store().list_jobs(NETWORK):
        newest.setdefault(job.key, job)
    return [job for job in newest.values() if job.status.can_resume and state.store().get_record(job.key) is None]


def resume(job: str) -> None:
    """For callbacks: queue a stopped job again."""
    with panels.errors_kept(ERRORS):
        state.machinery().engine().resume(job)


def _active() -> list[Job]:
    return [job for job in state.store().list_jobs(NETWORK) if not job.status.is_ended]


def _unfinished() -> None:
    jobs = _active()
    if [job.id for job in jobs] != st.session_state.get(_DRAWN):
        st.rerun()  # one has ended: the cards and the fields follow
    for job in sorted(jobs, key=lambda each: (each.status is JobStatus.QUEUED, each.created)):
        with st.container(border=True, key=keys.of_job("job", job.id)):
            _active_card(job)


def _active_card(job: Job) -> None:
    _heading(job)
    events = state.store().list_events(job.id)
    if job.status is JobStatus.QUEUED:
        st.progress(0.0, text=queue_words(job))
    else:
        st.progress(progress.fraction(job), text=panels.escape(progress.progress_words(job)))
        _so_far(job, progress.history(events))
    with st.container(horizontal=True, vertical_alignment="center"):
        _button("Cancel", "cancel", job, ":material/stop:", lambda: state.machinery().engine().cancel(job.id))
        st.caption("It goes on while this page is closed. What is cancelled can be resumed.")


def _stopped_card(job: Job) -> None:
    _heading(job)
    events = state.store().list_events(job.id)
    resumable = job.state is not None
    text = told.stopped_words(job.spec, job.status.value, len(progress.history(events)), resumable=resumable)
    st.markdown(panels.escape(text))
    _so_far(job, progress.history(events))
    if job.error:
        st.error(panels.escape(panels.sentence(words.shortened(job.error, 600))), icon=":material/error:")
    with st.container(horizontal=True):
        label = "Resume" if resumable else "Try again"
        _button(label, "resume", job, ":material/replay:", lambda: state.machinery().engine().resume(job.id))
        _button("Forget", "forget", job, ":material/delete:", lambda: state.store().delete_job(job.id), "tertiary")


def _so_far(job: Job, epochs: list[dict[str, Any]]) -> None:
    if epochs:
        curves.show(epochs, job.id)


def _heading(job: Job) -> None:
    label, icon, colour = BADGES[job.status]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{panels.escape(told.job_label(job.spec))}**", width="content")
        st.badge(label, icon=icon, color=colour)  # type: ignore[arg-type]


def _button(label: str, action: str, job: Job, icon: str, act: Callable[[], object], kind: str = "secondary") -> None:
    def clicked() -> None:
        with panels.errors_kept(ERRORS):
            act()

    st.button(label, key=keys.of_job(action, job.id), icon=icon, on_click=clicked, type=kind)  # type: ignore[arg-type]
