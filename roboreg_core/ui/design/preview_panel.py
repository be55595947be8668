"""Preview: accuracy of the current schedule right after pruning, measured by the engine's light worker.

A change sends a new request, which supersedes the previous one. A fragment polls only while a request is pending.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from roboreg_core.errors import RoboRegError
from roboreg_core.runs.preview import Preview, PreviewSpec, preview_request
from roboreg_core.runs.spec import spec_for
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.ui import access, keys, panels, shared_state
from roboreg_core.ui.design import launcher
from roboreg_core.wording import fmt, run_facts

if TYPE_CHECKING:
    from roboreg_core.jobs.request_queue import PendingRequest

TITLE = "Measured accuracy (before fine-tuning)"
# Poll interval: a share of the last preview's duration, within bounds. Every poll redraws the page in the browser.
POLL_SHARE, POLL_BOUNDS, FIRST_POLL_SECONDS = 0.3, (0.2, 1.0), 0.5
# After this time without progress, assume that the worker is loading the method's data.
STARTING_SECONDS = 3.0
_CHANNEL, _REQUESTED, _SHOWN = "preview-channel", "preview-requested", "preview-shown"
_STAGES = {"prune": "pruning block {block} of {blocks}", "evaluate": "evaluating"}


@panels.fragment(key=keys.PREVIEW_PART)
def panel(schedule: Callable[[], Schedule]) -> None:
    """Draw the accuracy, measured right after pruning, of the schedule that `schedule()` returns.

    The pruning settings are those chosen in `launcher.panel`, which must be drawn before.
    """
    if not shared_state.backend().loaded.is_set():
        _tile(None, old=True)
        _note("Starts once the dense network and the job engine are loaded.")
        return
    try:
        dense = shared_state.baseline()
    except RoboRegError:
        return  # the launcher shows the error
    with panels.errors_shown():
        _panel(PreviewSpec.of(spec_for(schedule(), dense, **launcher.pruning())))


def _panel(spec: PreviewSpec) -> None:
    preview = shared_state.previews().get(spec)
    if preview is not None:
        before = st.session_state.pop(_REQUESTED, None)
        if before is not None and not before[1].is_ended:
            shared_state.backend().engine().withdraw(_channel())
        _show(spec, preview)
        return
    if not access.may_write():
        _tile(st.session_state.get(_SHOWN), old=True)
        _note("Sign in to measure a preview.")
        return
    request = _request(spec)
    if request.is_ended and request.error:
        _failed(request)
    else:
        panels.fragment(_poll, run_every=poll_seconds(st.session_state.get(_SHOWN)))(spec, request)


def poll_seconds(before: Preview | None) -> float:
    """Seconds between polls for a preview, a share of the duration of the one `before`; None for the first preview."""
    if before is None:
        return FIRST_POLL_SECONDS
    least, most = POLL_BOUNDS
    return min(max(POLL_SHARE * before.seconds, least), most)


def _request(spec: PreviewSpec) -> PendingRequest:
    """Pending request for `spec`; supersedes one for another spec."""
    before = st.session_state.get(_REQUESTED)
    if before is None or before[0] != spec:
        request = preview_request(spec, shared_state.network(spec.dense_sha256), _channel())
        pending = shared_state.backend().engine().request(request)
        st.session_state[_REQUESTED] = before = (spec, pending)
    found: PendingRequest = before[1]
    return found


def _channel() -> str:
    """Channel of this visit: requests of two visitors do not supersede each other."""
    channel: str = st.session_state.setdefault(_CHANNEL, uuid.uuid4().hex)
    return channel


def _poll(spec: PreviewSpec, request: PendingRequest) -> None:
    """Show the previous figure greyed until the new one is measured."""
    if request.is_ended:
        if not request.error:
            shared_state.previews()[spec] = preview = Preview(**request.result)
            _show(spec, preview)
        st.rerun()
    _tile(st.session_state.get(_SHOWN), old=True)
    _note(_progress(request, len(spec.schedule.counts)))


def _progress(request: PendingRequest, blocks: int) -> str:
    stage = request.progress.get("stage")
    if stage in _STAGES:
        return f"Measuring: {_STAGES[stage].format(blocks=blocks, **request.progress)}."
    if _SHOWN in st.session_state and time.monotonic() - request.since < STARTING_SECONDS:
        return "Measuring."
    return "Preparing: the first preview of a method takes a few seconds more."


def _show(spec: PreviewSpec, preview: Preview) -> None:
    st.session_state[_SHOWN] = preview
    _tile(preview, old=False)
    _note(panels.escape(run_facts.preview_depends_on(spec, preview)))


def _note(text: str) -> None:
    """Caption of constant height, so that the page below does not jump."""
    with st.container(key=keys.PREVIEW_NOTE):
        st.caption(text)


def _tile(preview: Preview | None, *, old: bool) -> None:
    with st.container(key=keys.PREVIEW_OLD if old else keys.PREVIEW):
        if preview is None:
            panels.tile(TITLE, "…", "not measured yet", "no change")
            return
        change = run_facts.rates(preview.accuracy, preview.dense_accuracy, preview.images)
        panels.tile(
            TITLE,
            run_facts.preview_words(preview),
            fmt.signed_points(change.difference),
            change.verdict,
            delta_description=f"{change.words}; dense {fmt.percent(change.baseline)}",
            help=f"Accuracy on the {preview.images:,} validation images right after pruning, before fine-tuning, "
            f"computed in {preview.precision}. ± is the larger side of the 95 % Wilson interval. The change is a gain "
            f"or loss if it exceeds the margin of two independent samples. {panels.margin_words(change)}",
        )


def _failed(request: PendingRequest) -> None:
    _tile(st.session_state.get(_SHOWN), old=True)
    st.error(f"No preview: {panels.escape(panels.sentence(request.error))}", icon=":material/error:")
    st.button("Measure again", key=keys.PREVIEW_AGAIN, icon=":material/replay:", on_click=_retry)


def _retry() -> None:
    st.session_state.pop(_REQUESTED, None)
    panels.redraw(keys.PREVIEW_PART)
