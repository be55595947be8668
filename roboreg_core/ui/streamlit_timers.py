"""Workarounds for two faults of Streamlit 1.67 in `run_every`, whose timers rerun a fragment while a person clicks.

A click stays in the browser for some milliseconds before it is sent; a timer that fires meanwhile sends it too, so its
callback runs twice. And a timer's request that waits while another page is drawn is handled under the previous page's
name: the browser interprets this as back navigation, clears the page, and stops drawing.
"""

import functools

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequestType

# Fields of a widget's state that stand for one event, such as a click, and not for a value.
_EVENTS = frozenset({"trigger_value", "string_trigger_value", "chat_input_value", "json_trigger_value"})
_PATCHED = "_roboreg_patched"


def patch_timer_clicks() -> None:
    """First call in `app.py`: remove clicks from timers' requests; further calls do nothing."""
    original = AppSession.request_rerun
    if hasattr(original, _PATCHED):
        return

    @functools.wraps(original)
    def request_rerun(session: AppSession, client_state: ClientState | None) -> None:
        original(session, without_events(client_state) if client_state and client_state.is_auto_rerun else client_state)

    setattr(request_rerun, _PATCHED, True)
    AppSession.request_rerun = request_rerun  # type: ignore[method-assign, assignment]


def without_events(state: ClientState) -> ClientState:
    """Copy of the browser's state without its clicks."""
    kept = [widget for widget in state.widget_states.widgets if widget.WhichOneof("value") not in _EVENTS]
    if len(kept) == len(state.widget_states.widgets):
        return state
    copy = ClientState()
    copy.CopyFrom(state)
    copy.widget_states.ClearField("widgets")
    copy.widget_states.widgets.extend(kept)
    return copy


def drop_requests_of_left_page() -> None:
    """Last call in `app.py`: drop a pending timer request of the page that was just left."""
    context = get_script_run_ctx()
    if context is None or context.script_requests is None:
        return
    requests = context.script_requests
    with requests._lock:
        pending = requests._rerun_data
        of_other = pending.page_script_hash not in ("", context.page_script_hash)
        if requests._state is ScriptRequestType.RERUN and pending.fragment_id_queue and of_other:
            requests._state, requests._rerun_data = ScriptRequestType.CONTINUE, RerunData()
