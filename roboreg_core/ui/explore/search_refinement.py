"""Refines a search by measuring: the job with its estimate, its progress and a way to stop it, and what it found."""

from __future__ import annotations

import streamlit as st

from roboreg_core.prediction.forecast import PredictionSettings
from roboreg_core.search.best_schedules import Candidate
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


def spec_of(asked: PredictionSettings, limits: Limits) -> SearchSpec:
    """The search that would measure within these limits; so many schedules as the number field says."""
    setting = cache.setting_of(asked)
    latency = latency_fields(cache.searchable(asked).latency) if limits.latency is not None else ()
    url_settings.restore([_TRIALS])
    trials = int(st.session_state[keys.TRIALS] or DEFAULT)
    dense = shared_state.network(asked.dense_sha256).name
    return SearchSpec(limits=limits, setting=setting, trials=trials, latency=latency, dense=dense)


def trials() -> None:
    """How many schedules the job is to measure."""
    st.number_input(
        "Schedules to measure",
        FEWEST,
        MOST,
        step=6,
        key=keys.TRIALS,
        persist_state="session",
        width=220,
        help="More find better ones, and take longer. What the first ones reach tells where to look next.",
    )
    url_settings.follow([_TRIALS])


def found(record: Record) -> list[Candidate]:
    """The answers of a search that measured, the best first."""
    return [Candidate.from_json(each) for each in record.result["answers"]]


def closest(record: Record) -> list[Candidate]:
    """What comes closest to the limits, where nothing that was measured keeps them."""
    return [Candidate.from_json(each) for each in record.result.get("closest", ())]


def tried(record: Record | None) -> list[Candidate]:
    """Everything that a search measured; none before it did."""
    return [Candidate.from_json(each) for each in record.result.get("candidates", ())] if record is not None else []


def panel(spec: SearchSpec) -> None:
    """The button with its estimate, or how far the job is; nothing where the search is finished."""
    panels.kept_error(_ERRORS)
    if shared_state.store().get_record(spec.id) is not None:
        return
    if shared_state.store().active_job_for(spec.id) is not None:
        _under_way(spec)
        return
    broken = _broken_off(spec)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        trials()
        label = "Go on measuring" if broken else "Refine by measuring"
        panels.action(label, keys.REFINE, "play_arrow", lambda: _start(spec, broken), _ERRORS, type="primary")
    if broken is not None and broken.error:
        st.error(panels.escape(panels.sentence(broken.error)), icon=":material/error:")
    st.caption(
        panels.escape(
            f"Prunes and measures up to {fmt.plural(spec.trials, 'schedule')} on 2,000 validation images, the ones "
            f"that promise most, about {fmt.duration(estimate_seconds(spec))}; the answers are then measured, not "
            "predicted. It goes on while this page is closed."
        )
    )


@st.fragment(run_every=REFRESH_SECONDS)
def _under_way(spec: SearchSpec) -> None:
    job = shared_state.store().active_job_for(spec.id)
    if job is None:
        st.rerun()
    done = f"{job.progress.get('done', 0)} of {fmt.plural(spec.trials, 'schedule')} measured"
    best = job.progress.get("best")
    left = job.progress.get("remaining_seconds")
    text = done + (f", the best right on {fmt.percent(best)}" if best is not None else "")
    text += f", about {fmt.duration(left)} left" if left is not None else ""
    waiting = job.status is JobStatus.QUEUED
    st.progress(
        0.0 if waiting else job_progress.fraction(job), text=panels.escape("Waiting its turn" if waiting else text)
    )
    panels.action("Stop", keys.REFINE_STOP, "stop", lambda: shared_state.machinery().engine().cancel(job.id), _ERRORS)


def _broken_off(spec: SearchSpec) -> Job | None:
    """The newest job of this search, where it ended without an answer and can go on."""
    jobs = [job for job in shared_state.store().list_jobs(SEARCH) if job.key == spec.id]
    return jobs[0] if jobs and jobs[0].status.can_resume else None


def _start(spec: SearchSpec, broken: Job | None) -> None:
    engine = shared_state.machinery().engine()
    if broken is not None:
        engine.resume(broken.id)
    else:
        engine.submit(task_for(spec, shared_state.network(spec.setting.dense_sha256), shared_state.store()))
