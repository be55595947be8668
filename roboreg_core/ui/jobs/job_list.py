"""Content of the Jobs page: a card per job with its progress, curves and buttons."""

from collections.abc import Sequence

import streamlit as st

from roboreg_core.charts.training_curves import history_data
from roboreg_core.networks.registry import DenseNetwork, of_record
from roboreg_core.networks.spec import NETWORK
from roboreg_core.store.records import Job, JobStatus, Record
from roboreg_core.sweeps.spec import SWEEP_PART
from roboreg_core.ui import (
    job_cards,
    keys,
    navigation,
    panels,
    run_metrics_cache,
    schedule_html,
    shared_state,
    training_curves_panel,
)
from roboreg_core.wording import baseline_changes, fmt, job_progress, network_facts

SHOWN_FINISHED = 10
ERRORS = "jobs"
_MORE = "jobs-more"


def summary(jobs: Sequence[Job]) -> str:
    """Sentence with the running job, the percentage done, and the waiting jobs; `jobs` are queued or running."""
    running = [job for job in jobs if job.status is JobStatus.RUNNING]
    queued = [job for job in jobs if job.status is JobStatus.QUEUED]
    if running:
        text = f"{job_progress.label(running[0])} is running, {fmt.percent(job_progress.fraction(running[0]), 0)} done"
        return text + (f"; {job_progress.counted(queued)} waiting." if queued else ".")
    if queued:
        return f"{job_progress.counted(queued)} waiting for the worker to start."
    return "Nothing is running."


def everything() -> None:
    """Draw the Jobs page below its heading: unfinished jobs, refreshed every second, then ended ones."""
    if shared_state.store().count_jobs(SWEEP_PART, ended=False):
        navigation.link("explore", "A sweep shares the queue with the runs: see its progress or stop it on Explore")
    if not job_cards.unfinished(
        shared_state.unfinished_jobs, _active_card, lambda jobs: st.markdown(panels.escape(summary(jobs)))
    ):
        st.markdown(panels.escape(summary(())))
    panels.kept_messages(ERRORS)
    _finished(shared_state.ended_jobs(panels.shown_count(_MORE, SHOWN_FINISHED)))


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
        st.caption(f"Accuracy on all test images so far: {each}")
    if history:
        training_curves_panel.pair(history_data(history), "live", job.id, accuracies.get("dense"))


def _finished(jobs: Sequence[Job]) -> None:
    st.subheader("Finished")
    if not jobs:
        st.info("No finished jobs yet. Start a run on the Design page; it keeps running while the page is closed.")
        navigation.link("design", "Design a schedule")
        return
    panels.some_at_a_time(jobs, _finished_card, SHOWN_FINISHED, _MORE, shared_state.count_ended_jobs())


def _finished_card(job: Job) -> None:
    with job_cards.boxed(job):
        job_cards.heading(job, _when(job))
        record = shared_state.store().get_record(job.key) if job.status is JobStatus.FINISHED else None
        if record is not None:
            with panels.errors_shown():
                st.markdown(panels.escape(_finding(record)))
        elif job.status is JobStatus.FINISHED:
            st.caption(f"The {job.kind} was deleted.")
        elif job.error:
            st.markdown(panels.escape(panels.sentence(job.error)))
        with st.container(horizontal=True, vertical_alignment="center"):
            if record is not None:
                with st.container(key=keys.of("open", job.id), width="content"):
                    _open(record)
            job_cards.finished_buttons(job, ERRORS)
        _log(job, job_progress.log_lines(shared_state.store().list_events(job.id)))


def _finding(record: Record) -> str:
    if record.kind == NETWORK:
        return network_facts.finding(_named(record))
    return baseline_changes.finding(run_metrics_cache.summary_of(record))


def _named(record: Record) -> DenseNetwork:
    """Network of a record, under its current name."""
    found = (each for each in shared_state.networks() if each.record is not None and each.record.id == record.id)
    return next(found, of_record(record))


def _open(record: Record) -> None:
    if record.kind == NETWORK:
        navigation.link("design", "Prune it in Design", {keys.BASELINE_NETWORK: _named(record).name})
    else:
        navigation.link("inspect", "Inspect", {"run": record.id})


def _when(job: Job) -> str:
    author = f", by {panels.escape(schedule_html.isolated(job.author))}" if job.author else ""
    if job.ended:
        return f"ended {fmt.date_time(job.ended)} UTC{author}"
    return (
        f"started {fmt.clock(job.started)} UTC{author}"
        if job.started
        else f"queued {fmt.clock(job.created)} UTC{author}"
    )


def _log(job: Job, lines: str) -> None:
    with st.expander("Log", icon=":material/notes:", key=keys.of("log", job.id)):
        st.code(lines or "No messages yet.", language=None, wrap_lines=True)
