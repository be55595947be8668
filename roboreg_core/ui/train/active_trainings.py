"""Queued and running trainings and uploads with their curves, and stopped ones that can be resumed."""

import streamlit as st

from roboreg_core.networks.spec import NETWORK
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.ui import job_cards, panels, shared_state, training_curves_panel
from roboreg_core.wording import fmt, job_progress, network_facts

ERRORS = "train-jobs"


def active() -> None:
    """Draw queued and running trainings and uploads, redrawn every second while there are any."""
    panels.kept_messages(ERRORS)
    job_cards.unfinished(
        lambda: shared_state.store().list_jobs(NETWORK, ended=False), _active_card, lambda _: st.subheader("Running")
    )


def unfinished() -> None:
    """Draw stopped and failed trainings and uploads, with buttons to resume them."""
    jobs = _stopped()
    if jobs:
        st.subheader("Not finished")
    for job in jobs:
        with job_cards.boxed(job):
            _stopped_card(job)


def _stopped() -> list[Job]:
    """Newest job of each network that does not exist, if it can be resumed."""
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
        st.caption("Continues while this page is closed. Can be resumed after cancelling.")


def _stopped_card(job: Job) -> None:
    job_cards.heading(job)
    epochs = job_progress.history(shared_state.store().list_events(job.id))
    text = network_facts.stopped_words(job.spec, job.status.value, len(epochs), resumable=job.state is not None)
    st.markdown(panels.escape(text))
    training_curves_panel.show(epochs, job.id)
    panels.show_error(fmt.shortened(job.error or "", 600))
    with st.container(horizontal=True):
        job_cards.finished_buttons(job, ERRORS)
