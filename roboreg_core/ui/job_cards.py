"""Parts of a job's card that Jobs, Train and Design share: heading, progress, buttons; and the cards that follow it."""

from __future__ import annotations

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
    """Draw a card for each unfinished job, running ones first; return whether there was one.

    Drawn again every second, and all of the page where one began or ended.

    Args:
        jobs: reads the jobs from the store.
        card: draws what is inside one job's card.
        lead: draws what stands above the cards, from the unfinished jobs.
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
        st.fragment(part, run_every=REFRESH_SECONDS)()
    return bool(drawn)


def boxed(job: Job) -> st.delta_generator.DeltaGenerator:
    """The container of a job's card."""
    return st.container(border=True, key=keys.of("job", job.id))


def heading(job: Job, note: str = "") -> None:
    """The job's label, a badge for its status, and a note."""
    panels.card_heading(job_progress.label(job), BADGES[job.status], note)


def progress_bar(job: Job) -> None:
    """How far a job is that is queued or running."""
    if job.status is JobStatus.QUEUED:
        st.progress(0.0, text=_queue_words(job))
    else:
        st.progress(job_progress.fraction(job), text=panels.escape(job_progress.progress_words(job)))


def cancel_button(job: Job, errors: str) -> None:
    """Cancels a job; `errors` is the name for `panels.kept_error`, here and below."""
    panels.action(
        "Cancel", keys.of("cancel", job.id), "stop", lambda: shared_state.machinery().engine().cancel(job.id), errors
    )


def resume_button(label: str, key: str, job: Job, errors: str, **options: Any) -> None:
    """Queues an ended job again."""
    panels.action(label, key, "replay", lambda: shared_state.machinery().engine().resume(job.id), errors, **options)


def ended_buttons(job: Job, errors: str) -> None:
    """Resumes an ended job where that is possible, or forgets it."""
    if job.status.can_resume:
        resume_button("Resume" if job.state else "Try again", keys.of("resume", job.id), job, errors)
    forget = partial(shared_state.store().delete_job, job.id)
    panels.action("Forget", keys.of("forget", job.id), "delete", forget, errors, type="tertiary")


def _active(jobs: Sequence[Job]) -> list[Job]:
    return [job for job in jobs if not job.status.is_ended]


def _queue_words(job: Job) -> str:
    ahead = shared_state.position(job)
    if ahead is None:
        return "Queued"
    return f"Queued, {fmt.plural(ahead, 'job')} ahead" if ahead else "Queued, next in line"
