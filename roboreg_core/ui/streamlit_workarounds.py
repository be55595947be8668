"""Workarounds for faults of Streamlit 1.67 with fragments and with the timers of `run_every`.

- A click stays in the browser for some milliseconds before it is sent; a timer that fires meanwhile sends it too, so
  its callback runs twice.
- A timer's request that waits while another page is drawn is handled under the previous page's name: the browser
  interprets this as back navigation, clears the page, and stops drawing.
- A fragment's rerun removes what its last run left in the queue to the browser, but not what nested fragments drew
  there. If that lies in a container that was removed, the browser finds no place for it and shows a white page.
- A request for a fragment discards the output of the last run if that has ended, but its output is not queued yet.

The last two happen on a busy server, e.g. with twenty visitors on two cores.
"""

import functools
from collections import deque
from collections.abc import Callable

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequestType

# Fields of a widget's state that stand for one event, such as a click, and not for a value.
_EVENTS = frozenset({"trigger_value", "string_trigger_value", "chat_input_value", "json_trigger_value"})
_PATCHED = "_roboreg_patched"
_WAITING = "_roboreg_waiting"
_RETRY_SECONDS = 0.005


def patch() -> None:
    """First call in `app.py`: correct how Streamlit handles requests and its queue; further calls do nothing."""
    if hasattr(AppSession.request_rerun, _PATCHED):
        return
    AppSession.request_rerun = _patched_request(AppSession.request_rerun)  # type: ignore[method-assign]
    ForwardMsgQueue.clear = _patched_clear(ForwardMsgQueue.clear)  # type: ignore[method-assign]


def _patched_request(original: Callable[[AppSession, ClientState | None], None]) -> Callable[..., None]:
    @functools.wraps(original)
    def request_rerun(session: AppSession, client_state: ClientState | None) -> None:
        if client_state is None:
            original(session, None)
            return
        waiting: deque[ClientState] = vars(session).setdefault(_WAITING, deque())
        waiting.append(without_events(client_state) if client_state.is_auto_rerun else client_state)
        if len(waiting) == 1:
            handle(session, waiting)

    def handle(session: AppSession, waiting: deque[ClientState]) -> None:
        """Pass the requests on in their order: a click before the change of the page."""
        while waiting:
            if waiting[0].fragment_id and _is_ending(session):
                session._event_loop.call_later(_RETRY_SECONDS, handle, session, waiting)
                return
            original(session, waiting.popleft())

    setattr(request_rerun, _PATCHED, True)
    return request_rerun


def _is_ending(session: AppSession) -> bool:
    """True if the script runner of a live session takes no more requests, but its last events are not handled yet."""
    runner = session._scriptrunner
    is_live = session._state is not AppSessionState.SHUTDOWN_REQUESTED
    return is_live and runner is not None and runner._requests._state is ScriptRequestType.STOP


def _patched_clear(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def clear(
        queue: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
    ) -> None:
        before = queue._queue
        original(queue, retain_lifecycle_msgs, fragment_ids_this_run)
        if retain_lifecycle_msgs and fragment_ids_this_run:
            queue._queue = without_orphans(before, queue._queue)

    return clear


def without_orphans(before: list[ForwardMsg], kept: list[ForwardMsg]) -> list[ForwardMsg]:
    """The messages in `kept`, except those that draw in a container whose message is in `before` but not in `kept`."""
    kept_ids = {id(message) for message in kept}
    removed = {
        tuple(message.metadata.delta_path)
        for message in before
        if message.delta.WhichOneof("type") == "add_block" and id(message) not in kept_ids
    }

    def is_orphan(message: ForwardMsg) -> bool:
        path = tuple(message.metadata.delta_path)
        return message.HasField("delta") and any(path[:length] in removed for length in range(1, len(path)))

    return [message for message in kept if not is_orphan(message)]


def without_events(state: ClientState) -> ClientState:
    """The browser's state without clicks and similar events; a copy if there are any."""
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
