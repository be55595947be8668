"""Trainings and uploads under way, with their curves so far, and those that were stopped and may go on."""

from __future__ import annotations

import streamlit as st

from roboreg_core.networks.spec import NETWORK
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.ui import job_cards, panels, shared_state, training_curves_panel
from roboreg_core.wording import fmt, job_progress, network_facts

ERRORS = "train-jobs"


def active() -> None:
    """What is under way; looks again every second while something is, and only then."""
    panels.kept_error(ERRORS)
    job_cards.unfinished(
        lambda: shared_state.store().list_jobs(NETWORK), _active_card, lambda _: st.subheader("Under way")
    )


def broken_off() -> None:
    """What was stopped or failed, with the ways to go on."""
    waiting = stopped()
    if waiting:
        st.subheader("Not finished")
    for job in waiting:
        with job_cards.boxed(job):
            _stopped_card(job)


def stopped() -> list[Job]:
    """The newest job of each network that is neither there, nor deleted, nor being made."""
    newest: dict[str, Job] = {}
    for job in shared_state.store().list_jobs(NETWORK):
        newest.setdefault(job.key, job)
    return [
        job for job in newest.values() if job.status.can_resume and shared_state.store().get_record(job.key) is None
    ]


def _active_card(job: Job) -> None:
    job_cards.heading(job)
    job_cards.progress_bar(job)
    if job.status is not JobStatus.QUEUED:
        training_curves_panel.show(job_progress.history(shared_state.store().list_events(job.id)), job.id)
    with st.container(horizontal=True, vertical_alignment="center"):
        job_cards.cancel_button(job, ERRORS)
        st.caption("It goes on while this page is closed. What is cancelled can be resumed.")


def _stopped_card(job: Job) -> None:
    job_cards.heading(job)
    epochs = job_progress.history(shared_state.store().list_events(job.id))
    text = network_facts.stopped_words(job.spec, job.status.value, len(epochs), resumable=job.state is not None)
    st.markdown(panels.escape(text))
    training_curves_panel.show(epochs, job.id)
    if job.error:
        st.error(panels.escape(panels.sentence(fmt.shortened(job.error, 600))), icon=":material/error:")
    with st.container(horizontal=True):
        job_cards.ended_buttons(job, ERRORS)
