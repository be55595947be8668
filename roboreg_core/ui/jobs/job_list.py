"""The jobs, each as a card: what it makes, how far it is, its curves, and what may be done with it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from roboreg_core.charts.training_curves import history_data
from roboreg_core.networks.registry import DenseNetwork, of_record
from roboreg_core.networks.spec import NETWORK
from roboreg_core.store.records import Job, JobStatus, Record
from roboreg_core.sweeps.spec import SWEEP_PART
from roboreg_core.ui import job_cards, keys, panels, run_metrics_cache, shared_state, training_curves_panel
from roboreg_core.wording import baseline_changes, fmt, job_progress, network_facts

SHOWN_ENDED = 10
ERRORS = "jobs"


def summary(jobs: Sequence[Job]) -> str:
    """The page's finding, in words."""
    running = [job for job in jobs if job.status is JobStatus.RUNNING]
    queued = [job for job in jobs if job.status is JobStatus.QUEUED]
    if running:
        text = f"{job_progress.label(running[0])} is running, {fmt.percent(job_progress.fraction(running[0]), 0)} done"
        return text + (f"; {job_progress.counted(queued)} waiting." if queued else ".")
    if queued:
        return f"{job_progress.counted(queued)} waiting for the worker to start."
    return "Nothing is running."


def everything() -> None:
    """All jobs; looks again every second while one is unfinished."""
    _sweeps()
    if not job_cards.unfinished(
        shared_state.jobs, _active_card, lambda jobs: st.markdown(panels.escape(summary(jobs)))
    ):
        st.markdown(panels.escape(summary(())))
    panels.kept_error(ERRORS)
    _ended([job for job in shared_state.jobs() if job.status.is_ended])


def _sweeps() -> None:
    """The way to sweeps that are being measured: they queue with the runs, and are watched on their own page."""
    if any(not job.status.is_ended for job in shared_state.store().list_jobs(SWEEP_PART)):
        label = "A sweep is being measured, between the runs: watch or stop it on Explore"
        st.page_link("pages/explore.py", label=label, icon=":material/explore:")


def _active_card(job: Job) -> None:
    job_cards.heading(job, _when(job))
    events = shared_state.store().list_events(job.id)
    job_cards.progress_bar(job)
    if job.status is not JobStatus.QUEUED:
        _so_far(job, job_progress.accuracies(events), job_progress.history(events))
    with st.container(horizontal=True):
        job_cards.cancel_button(job, ERRORS)
    _log(job, job_progress.log_lines(events))


def _so_far(job: Job, accuracies: dict[str, float], history: list[dict[str, object]]) -> None:
    if accuracies:
        each = " · ".join(f"{stage} {fmt.percent(value)}" for stage, value in accuracies.items())
        st.caption(f"Accuracy on 10,000 test images so far: {each}")
    if history:
        training_curves_panel.pair(history_data(history), "live", job.id, accuracies.get("dense"))


def _ended(jobs: Sequence[Job]) -> None:
    st.subheader("Ended")
    if not jobs:
        st.info(
            "No run of yours has ended yet. Start one on the Design page: it runs here, also while the page is closed."
        )
        st.page_link("pages/design.py", label="Design a schedule", icon=":material/tune:")
        return
    for job in jobs[:SHOWN_ENDED]:
        _ended_card(job)
    if len(jobs) > SHOWN_ENDED:
        with st.expander(f"{len(jobs) - SHOWN_ENDED} older"):
            for job in jobs[SHOWN_ENDED:]:
                _ended_card(job)


def _ended_card(job: Job) -> None:
    with job_cards.boxed(job):
        job_cards.heading(job, _when(job))
        record = shared_state.store().get_record(job.key) if job.status is JobStatus.FINISHED else None
        if record is not None:
            with panels.errors_shown():
                st.markdown(panels.escape(_finding(record)))
        elif job.status is JobStatus.FINISHED:
            st.caption(f"Its {job.kind} was deleted.")
        elif job.error:
            st.markdown(panels.escape(panels.sentence(job.error)))
        with st.container(horizontal=True, vertical_alignment="center"):
            if record is not None:
                with st.container(key=keys.of("open", job.id), width="content"):
                    _open(record)
            job_cards.ended_buttons(job, ERRORS)
        _log(job, job_progress.log_lines(shared_state.store().list_events(job.id)))


def _finding(record: Record) -> str:
    if record.kind == NETWORK:
        return network_facts.finding(_named(record))
    return baseline_changes.finding(run_metrics_cache.summary_of(record))


def _named(record: Record) -> DenseNetwork:
    """The network that a record keeps, under the name that it now has."""
    every = (each for each in shared_state.networks() if each.record is not None and each.record.id == record.id)
    return next(every, of_record(record))


def _open(record: Record) -> None:
    """The way to what a job made."""
    if record.kind == NETWORK:
        name = _named(record).name
        st.page_link(
            "pages/design.py", label="Prune it in Design", icon=":material/tune:", query_params={"dense": name}
        )
    else:
        st.page_link(
            "pages/inspect.py", label="Inspect", icon=":material/query_stats:", query_params={"run": record.id}
        )


def _when(job: Job) -> str:
    if job.ended:
        return f"ended {fmt.moment(job.ended)} UTC"
    return f"started {fmt.clock(job.started)} UTC" if job.started else f"queued {fmt.clock(job.created)} UTC"


def _log(job: Job, lines: str) -> None:
    with st.expander("Log", icon=":material/notes:", key=keys.of("log", job.id)):
        st.code(lines or "Nothing told yet.", language=None, wrap_lines=True)
