"""Mends two faults of Streamlit 1.67 round `run_every`, whose timers ask for a fragment while a person clicks.

A click stays in the browser for some milliseconds before it is sent; a timer that fires meanwhile sends it too, and its
callback runs twice. And a timer's request that waits while another page is drawn is answered in the name of the page
before: the browser takes that for a step back, clears the page, and nothing is drawn any more.
"""

from __future__ import annotations

import functools

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequestType

# What a widget's state is called where it stands for one event, like a click, and not for a value.
_EVENTS = frozenset({"trigger_value", "string_trigger_value", "chat_input_value", "json_trigger_value"})
_MENDED = "_roboreg_mended"


def mend() -> None:
    """Called by `app.py` first: from now on a timer's request carries no click; the click's own request does."""
    plain = AppSession.request_rerun
    if hasattr(plain, _MENDED):
        return

    @functools.wraps(plain)
    def request_rerun(session: AppSession, client_state: ClientState | None) -> None:
        plain(session, without_events(client_state) if client_state and client_state.is_auto_rerun else client_state)

    setattr(request_rerun, _MENDED, True)
    AppSession.request_rerun = request_rerun  # type: ignore[method-assign, assignment]


def without_events(state: ClientState) -> ClientState:
    """The same state of a browser without its clicks."""
    kept = [widget for widget in state.widget_states.widgets if widget.WhichOneof("value") not in _EVENTS]
    if len(kept) == len(state.widget_states.widgets):
        return state
    plain = ClientState()
    plain.CopyFrom(state)
    plain.widget_states.ClearField("widgets")
    plain.widget_states.widgets.extend(kept)
    return plain


def forget_left_page() -> None:
    """Called by `app.py` last: forget what a timer of the page that was just left still asks for."""
    context = get_script_run_ctx()
    if context is None or context.script_requests is None:
        return
    requests = context.script_requests
    with requests._lock:
        asked = requests._rerun_data
        of_other = asked.page_script_hash not in ("", context.page_script_hash)
        if requests._state is ScriptRequestType.RERUN and asked.fragment_id_queue and of_other:
            requests._state, requests._rerun_data = ScriptRequestType.CONTINUE, RerunData()
