"""The jobs, each as a card: what it makes, how far it is, its curves, and what may be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from roboreg_core.baselines.known import Baseline, of_record
from roboreg_core.baselines.spec import NETWORK
from roboreg_core.charts import history as curves
from roboreg_core.charts import networks, versus, words
from roboreg_core.charts import progress as told
from roboreg_core.explore.spec import SWEEP_PART
from roboreg_core.store.records import Job, JobStatus, Record
from roboreg_core.ui import keys, measured, panels, state
from roboreg_core.ui.launcher import queue_words

REFRESH_SECONDS = 1.0
SHOWN_ENDED = 10
BADGES = {
    JobStatus.QUEUED: ("queued", ":material/hourglass_empty:", "gray"),
    JobStatus.RUNNING: ("running", ":material/play_arrow:", "blue"),
    JobStatus.FINISHED: ("finished", ":material/check:", "green"),
    JobStatus.FAILED: ("failed", ":material/error:", "red"),
    JobStatus.CANCELLED: ("cancelled", ":material/cancel:", "gray"),
    JobStatus.INTERRUPTED: ("interrupted", ":material/pause:", "orange"),
}


def summary(jobs: Sequence[Job]) -> str:
    """The page's finding, in words."""
    running = [job for job in jobs if job.status is JobStatus.RUNNING]
    queued = [job for job in jobs if job.status is JobStatus.QUEUED]
    if running:
        text = f"{told.label(running[0])} is running, {words.percent(told.fraction(running[0]), 0)} done"
        return text + (f"; {told.counted(queued)} waiting." if queued else ".")
    if queued:
        return f"{told.counted(queued)} waiting for the worker to start."
    return "Nothing is running."


def everything() -> None:
    """All jobs; looks again every second while one is unfinished."""
    _sweeps()
    if any(not job.status.is_ended for job in state.jobs()):
        st.fragment(_unfinished, run_every=REFRESH_SECONDS)()
    else:
        st.markdown(panels.escape(summary(())))
    panels.kept_error("jobs")
    _ended([job for job in state.jobs() if job.status.is_ended])


def _sweeps() -> None:
    """The way to sweeps that are being measured: they queue with the runs, and are watched on their own page."""
    if any(not job.status.is_ended for job in state.store().list_jobs(SWEEP_PART)):
        label = "A sweep is being measured, between the runs: watch or stop it on Explore"
        st.page_link("pages/explore.py", label=label, icon=":material/explore:")


def _unfinished() -> None:
    jobs = state.jobs()
    active = [job for job in jobs if not job.status.is_ended]
    shown = st.session_state.get("jobs-unfinished")
    st.session_state["jobs-unfinished"] = [job.id for job in active]
    if not active or (shown is not None and len(active) < len(shown)):
        st.session_state.pop("jobs-unfinished")
        st.rerun()
    st.markdown(panels.escape(summary(active)))
    for job in sorted(active, key=lambda each: (each.status is JobStatus.QUEUED, each.created)):
        with st.container(border=True, key=keys.of_job("job", job.id)):
            _active_card(job)


def _active_card(job: Job) -> None:
    _heading(job)
    events = state.store().list_events(job.id)
    if job.status is JobStatus.QUEUED:
        st.progress(0.0, text=queue_words(job))
    else:
        st.progress(told.fraction(job), text=told.progress_words(job))
        _so_far(job, told.accuracies(events), told.history(events))
    with st.container(horizontal=True):
        _button("Cancel", "cancel", job, ":material/stop:", lambda: state.machinery().engine().cancel(job.id))
    _log(job, told.log_lines(events))


def _so_far(job: Job, accuracies: dict[str, float], history: list[dict[str, object]]) -> None:
    if accuracies:
        each = " · ".join(f"{stage} {words.percent(value)}" for stage, value in accuracies.items())
        st.caption(f"Accuracy on 10,000 test images so far: {each}")
    if not history:
        return
    frame = curves.history_data(history)
    left, right = st.columns(2)
    for column, measure in ((left, "accuracy"), (right, "loss")):
        dense = accuracies.get("dense") if measure == "accuracy" else None
        with column:
            st.markdown(f"**{measure.capitalize()}**")
            st.vega_lite_chart(
                spec=panels.drawn(
                    frame, f"live-{measure}", partial(curves.history_chart, measure=measure, dense=dense), str(dense)
                ),
                key=f"live-{measure}-{job.id}",
                alt=curves.history_alt(frame, measure, dense),
            )


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
    with st.container(border=True, key=keys.of_job("job", job.id)):
        _heading(job)
        record = state.store().get_record(job.key) if job.status is JobStatus.FINISHED else None
        if record is not None:
            with panels.errors_shown():
                st.markdown(panels.escape(_finding(record)))
        elif job.status is JobStatus.FINISHED:
            st.caption(f"Its {job.kind} was deleted.")
        elif job.error:
            st.markdown(panels.escape(panels.sentence(job.error)))
        with st.container(horizontal=True, vertical_alignment="center"):
            if record is not None:
                with st.container(key=keys.of_job("open", job.id), width="content"):
                    _open(record)
            if job.status.can_resume:
                label = "Resume" if job.state else "Try again"
                _button(label, "resume", job, ":material/replay:", lambda: state.machinery().engine().resume(job.id))
            _button("Forget", "forget", job, ":material/delete:", lambda: state.store().delete_job(job.id), "tertiary")
        _log(job, told.log_lines(state.store().list_events(job.id)))


def _finding(record: Record) -> str:
    if record.kind == NETWORK:
        return networks.finding(_named(record))
    return versus.finding(measured.summary_of(record))


def _named(record: Record) -> Baseline:
    """The network that a record keeps, under the name that it now has."""
    every = (each for each in state.networks() if each.record is not None and each.record.id == record.id)
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


def _heading(job: Job) -> None:
    label, icon, colour = BADGES[job.status]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{panels.escape(told.label(job))}**", width="content")
        st.badge(label, icon=icon, color=colour)  # type: ignore[arg-type]
        st.caption(_when(job), width="content")


def _when(job: Job) -> str:
    if job.ended:
        return f"ended {words.moment(job.ended)} UTC"
    return f"started {words.clock(job.started)} UTC" if job.started else f"queued {words.clock(job.created)} UTC"


def _log(job: Job, lines: str) -> None:
    with st.expander("Log", icon=":material/notes:", key=keys.of_job("log", job.id)):
        st.code(lines or "Nothing told yet.", language=None, wrap_lines=True)


def _button(label: str, action: str, job: Job, icon: str, act: Callable[[], object], kind: str = "secondary") -> None:
    def clicked() -> None:
        with panels.errors_kept("jobs"):
            act()

    st.button(label, key=keys.of_job(action, job.id), icon=icon, on_click=clicked, type=kind)  # type: ignore[arg-type]
