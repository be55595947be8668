"""Search refined by measurement: start with an estimate, progress, stop, and results."""

import streamlit as st

from roboreg_core.datasets.dataset import dataset_of
from roboreg_core.prediction.forecast import PredictionSettings
from roboreg_core.search.candidates import Candidate
from roboreg_core.search.execute import task_for
from roboreg_core.search.limits import Limits
from roboreg_core.search.spec import SEARCH, SearchSpec, estimate_seconds, latency_fields
from roboreg_core.store.records import Job, JobStatus, Record
from roboreg_core.ui import keys, panels, shared_state, url_settings
from roboreg_core.ui.explore import cache
from roboreg_core.wording import fmt, job_progress

REFRESH_SECONDS = 1.0
FEWEST, MOST, DEFAULT = 6, 300, 36
_ERRORS = "refine"
_TRIALS = url_settings.UrlSetting(key=keys.TRIALS, default=DEFAULT, read=url_settings.within(FEWEST, MOST))


def spec_of(settings: PredictionSettings, limits: Limits) -> SearchSpec:
    """Spec of a search under `limits`; the number of trials is the value of the field drawn by `panel`."""
    latency = latency_fields(cache.known_points(settings).latency) if limits.latency is not None else ()
    url_settings.restore([_TRIALS])
    trials = int(st.session_state[keys.TRIALS] or DEFAULT)
    dense = shared_state.network(settings.dense_sha256).name
    setting = cache.setting_of(settings)
    return SearchSpec(limits=limits, setting=setting, trials=trials, latency=latency, dense=dense)


def results(record: Record | None, key: str) -> list[Candidate]:
    """Schedules measured by a search; [] if `record` is None.

    Args:
        record: record of the finished search, or None.
        key: `answers` (within the limits, best first), `closest` (to the limits, if none is within them) or
            `candidates` (all).
    """
    return [Candidate.from_json(each) for each in record.result.get(key, ())] if record is not None else []


def panel(spec: SearchSpec) -> None:
    """Draw the start button of a search with its estimated time, or its progress; nothing once it is finished."""
    panels.kept_messages(_ERRORS)
    if shared_state.store().get_record(spec.id) is not None:
        return
    if shared_state.store().active_job_for(spec.id) is not None:
        _progress(spec)
        return
    stopped = _stopped(spec)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input(
            "Schedules to measure",
            FEWEST,
            MOST,
            step=6,
            key=keys.TRIALS,
            persist_state="session",
            width=220,
            help="More schedules give better results and take longer. Each result guides the choice of the next ones.",
        )
        url_settings.follow([_TRIALS])
        label = "Resume" if stopped else "Refine by measuring"
        panels.action(label, keys.REFINE, "play_arrow", lambda: _start(spec, stopped), _ERRORS, type="primary")
    panels.show_error(stopped.error or "" if stopped else "")
    images = dataset_of(spec.setting.training_set).validation
    st.caption(
        panels.escape(
            f"Prunes and evaluates up to {fmt.plural(spec.trials, 'promising schedule')} on {images:,} "
            f"validation images: about {fmt.duration(estimate_seconds(spec))}. The results are then measured, not "
            "predicted. Continues while this page is closed."
        )
    )


@panels.fragment(run_every=REFRESH_SECONDS)
def _progress(spec: SearchSpec) -> None:
    job = shared_state.store().active_job_for(spec.id)
    if job is None:
        st.rerun()
    best, left = job.progress.get("best"), job.progress.get("remaining_seconds")
    text = f"{job.progress.get('done', 0)} of {fmt.plural(spec.trials, 'schedule')} measured"
    text += f", best accuracy {fmt.percent(best)}" if best is not None else ""
    text += f", about {fmt.duration(left)} left" if left is not None else ""
    queued = job.status is JobStatus.QUEUED
    st.progress(0.0 if queued else job_progress.fraction(job), text=panels.escape("Queued" if queued else text))
    panels.action("Stop", keys.REFINE_STOP, "stop", lambda: shared_state.backend().engine().cancel(job.id), _ERRORS)


def _stopped(spec: SearchSpec) -> Job | None:
    """Newest job of this search, if it can be resumed."""
    jobs = shared_state.store().list_jobs(SEARCH, key=spec.id, newest=1)
    return jobs[0] if jobs and jobs[0].status.can_resume else None


def _start(spec: SearchSpec, stopped: Job | None) -> None:
    engine = shared_state.backend().engine()
    if stopped is not None:
        engine.resume(stopped.id)
    else:
        engine.submit(task_for(spec, shared_state.network(spec.setting.dense_sha256), shared_state.store()))
