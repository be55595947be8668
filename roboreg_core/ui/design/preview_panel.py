"""The preview: pruned accuracy of the schedule on the sliders, not yet tuned, shown as soon as it is measured.

The engine's light worker measures it; a change asks anew and supersedes what was asked before. While an answer is
awaited a fragment looks for it, and only then.
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
from roboreg_core.ui import keys, panels, shared_state
from roboreg_core.ui.design import launcher
from roboreg_core.wording import fmt, run_facts

if TYPE_CHECKING:
    from roboreg_core.jobs.request_queue import PendingRequest

# How often an answer is looked for: every look draws the page in the browser, which a slow machine's cores feel.
LOOK_AGAIN_SHARE, LOOK_AGAIN_SECONDS, UNKNOWN_SECONDS = 0.3, (0.2, 1.0), 0.5
# A worker that has measured before says what it does sooner.
STARTING_SECONDS = 3.0
_CHANNEL, _ASKED, _SHOWN = "preview-channel", "preview-asked", "preview-shown"
_DOING = {"prune": "pruning block {block} of 9", "evaluate": "evaluating"}


@st.fragment(key=keys.PREVIEW_PART)
def panel(schedule: Callable[[], Schedule]) -> None:
    """The figure for `schedule()` and the method chosen on the page; place it behind the launcher, which knows that."""
    if not shared_state.machinery().loaded.is_set():
        _figure(None, old=True)
        _note("Starts once the dense network and the job engine are loaded.")
        return
    try:
        dense = shared_state.baseline()
    except RoboRegError:
        return  # the launcher says why
    with panels.errors_shown():
        _panel(PreviewSpec.of(spec_for(schedule(), dense, **launcher.pruning())))


def _panel(spec: PreviewSpec) -> None:
    known = shared_state.previews().get(spec)
    if known is not None:
        before = st.session_state.pop(_ASKED, None)
        if before is not None and not before[1].is_ended:
            shared_state.machinery().engine().withdraw(_channel())
        _show(spec, known)
        return
    asked = _asked(spec)
    if asked.is_ended and asked.error:
        _failed(asked)
    else:
        st.fragment(_awaited, run_every=look_again_seconds(st.session_state.get(_SHOWN)))(spec, asked)


def look_again_seconds(before: Preview | None) -> float:
    """After what time to look for an answer again: three tenths of what the one before took, within bounds."""
    if before is None:
        return UNKNOWN_SECONDS
    least, most = LOOK_AGAIN_SECONDS
    return min(max(LOOK_AGAIN_SHARE * before.seconds, least), most)


def _asked(spec: PreviewSpec) -> PendingRequest:
    """The open question for `spec`; what was asked for another is superseded."""
    before = st.session_state.get(_ASKED)
    if before is None or before[0] != spec:
        question = preview_request(spec, shared_state.network(spec.dense_sha256), _channel())
        asked = shared_state.machinery().engine().ask(question)
        st.session_state[_ASKED] = before = (spec, asked)
    found: PendingRequest = before[1]
    return found


def _channel() -> str:
    """This visit's own: two visitors do not supersede each other."""
    channel: str = st.session_state.setdefault(_CHANNEL, uuid.uuid4().hex)
    return channel


def _awaited(spec: PreviewSpec, asked: PendingRequest) -> None:
    """The figure before, greyed, until the new one is there; then that, and no more looking."""
    if asked.is_ended:
        if not asked.error:
            shared_state.previews()[spec] = preview = Preview(**asked.result)
            _show(spec, preview)
        st.rerun()
    _figure(st.session_state.get(_SHOWN), old=True)
    _note(_doing(asked))


def _doing(asked: PendingRequest) -> str:
    stage = asked.progress.get("stage")
    if stage in _DOING:
        return f"Measuring: {_DOING[stage].format(**asked.progress)}."
    if _SHOWN in st.session_state and time.monotonic() - asked.since < STARTING_SECONDS:
        return "Measuring."
    return "Preparing: the first preview of a method takes some seconds more."


def _show(spec: PreviewSpec, preview: Preview) -> None:
    st.session_state[_SHOWN] = preview
    _figure(preview, old=False)
    _note(panels.escape(run_facts.preview_depends_on(spec, preview)))


def _note(text: str) -> None:
    """Below the figure, as high as two lines whatever it says, so that what is below does not jump."""
    with st.container(key=keys.PREVIEW_NOTE):
        st.caption(text)


def _figure(preview: Preview | None, *, old: bool) -> None:
    with st.container(key=keys.PREVIEW_OLD if old else keys.PREVIEW):
        if preview is None:
            panels.tile("Pruned, not tuned", "…", "not measured yet", "no change")
            return
        change = run_facts.preview_change(preview)
        panels.tile(
            "Pruned, not tuned",
            run_facts.preview_words(preview),
            fmt.signed_points(change.difference),
            change.verdict,
            delta_description=f"{change.verdict}; dense {fmt.percent(change.dense)}",
            help=f"Accuracy on the {preview.images:,} validation images right after pruning, before any fine-tuning, "
            f"computed in {preview.precision}: a quick look. ± is the 95 % interval of a sample of that size (Wilson), "
            f"its larger side. {panels.NOISE_HELP} Margin here: ±{change.margin * 100:.1f} points.",
        )


def _failed(asked: PendingRequest) -> None:
    _figure(st.session_state.get(_SHOWN), old=True)
    st.error(f"No preview: {panels.escape(panels.sentence(asked.error))}", icon=":material/error:")
    st.button("Measure again", key=keys.PREVIEW_AGAIN, icon=":material/replay:", on_click=_ask_again)


def _ask_again() -> None:
    st.session_state.pop(_ASKED, None)
    panels.redraw(keys.PREVIEW_PART)
