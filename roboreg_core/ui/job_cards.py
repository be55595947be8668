"""Cards of jobs, shared by Jobs, Dense networks and Design: heading, progress, buttons, and their refresh."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from roboreg_core.store.records import Job, JobStatus
from roboreg_core.ui import keys, panels, shared_state
from roboreg_core.wording import fmt, job_progress

REFRESH_SECONDS = 1.0
BADGES = {
    JobStatus.QUEUED: ("queued", ":material/hourglass_empty:", "gray"),
    JobStatus.RUNNING: ("running", ":material/play_arrow:", "blue"),
    JobStatus.FINISHED: ("finished", ":material/check:", "green"),
    JobStatus.FAILED: ("failed", ":material/error:", "red"),
    JobStatus.CANCELLED: ("cancelled", ":material/cancel:", "gray"),
    JobStatus.INTERRUPTED: ("interrupted", ":material/pause:", "orange"),
}


def unfinished(
    jobs: Callable[[], Sequence[Job]], card: Callable[[Job], None], lead: Callable[[Sequence[Job]], object]
) -> bool:
    """Draw a card per unfinished job, running ones first.

    The cards are redrawn every second, the whole page when a job starts or ends.

    Args:
        jobs: reads the jobs from the store.
        card: draws the content of a job's card.
        lead: draws the text above the cards from the unfinished jobs.

    Returns:
        True if a job is unfinished.
    """
    drawn = [job.id for job in _active(jobs())]

    def part() -> None:
        active = _active(jobs())
        if [job.id for job in active] != drawn:
            st.rerun()
        lead(active)
        for job in sorted(active, key=lambda each: (each.status is JobStatus.QUEUED, each.created)):
            with boxed(job):
                card(job)

    if drawn:
        panels.fragment(part, run_every=REFRESH_SECONDS)()
    return bool(drawn)


def boxed(job: Job) -> st.delta_generator.DeltaGenerator:
    """Framed container for the content of a job's card."""
    return st.container(border=True, key=keys.of("job", job.id))


def heading(job: Job, note: str = "") -> None:
    """Draw the label of the job, a badge with its status, and a note."""
    panels.card_heading(job_progress.label(job), BADGES[job.status], note)


def progress_bar(job: Job) -> None:
    """Draw the progress of a queued or running job."""
    if job.status is JobStatus.QUEUED:
        st.progress(0.0, text=_queue_words(job))
    else:
        st.progress(job_progress.fraction(job), text=panels.escape(job_progress.progress_words(job)))


def cancel_button(job: Job, errors: str) -> None:
    """Draw a button that cancels a job; errors are kept for `panels.kept_messages(errors)`."""
    panels.action(
        "Cancel", keys.of("cancel", job.id), "stop", lambda: shared_state.backend().engine().cancel(job.id), errors
    )


def resume_button(label: str, key: str, job: Job, errors: str, **options: Any) -> None:
    """Draw a button that queues an ended job again; errors are kept for `panels.kept_messages(errors)`."""
    panels.action(label, key, "replay", lambda: shared_state.backend().engine().resume(job.id), errors, **options)


def finished_buttons(job: Job, errors: str) -> None:
    """Draw buttons to resume an ended job, if that is possible, and to remove it from the list.

    Errors are kept for `panels.kept_messages(errors)`.
    """
    if job.status.can_resume:
        resume_button("Resume" if job.state else "Try again", keys.of("resume", job.id), job, errors)
    remove = partial(shared_state.store().delete_job, job.id)
    panels.action("Remove from list", keys.of("forget", job.id), "delete", remove, errors, type="tertiary")


def _active(jobs: Sequence[Job]) -> list[Job]:
    return [job for job in jobs if not job.status.is_ended]


def _queue_words(job: Job) -> str:
    ahead = shared_state.position(job)
    if ahead is None:
        return "Queued"
    return f"Queued, {fmt.plural(ahead, 'job')} ahead" if ahead else "Queued, next in line"
