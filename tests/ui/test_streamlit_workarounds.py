"""Timers do not click twice or redraw a page that was left; a busy server leaves no page white and loses no output."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType

from roboreg_core.ui import streamlit_workarounds

HERE, BEFORE = "here", "before"


def browser_state(*, auto: bool) -> ClientState:
    state = ClientState(fragment_id="awaited", is_auto_rerun=auto, page_script_hash=HERE)
    click, slider = state.widget_states.widgets.add(), state.widget_states.widgets.add()
    click.id, click.trigger_value = "undo", True
    slider.id, slider.int_value = "slider", 7
    return state


def session_with(runner: object, state: AppSessionState = AppSessionState.APP_NOT_RUNNING) -> Any:
    return SimpleNamespace(_scriptrunner=runner, _state=state)


def heard(state: ClientState | None, monkeypatch: pytest.MonkeyPatch) -> ClientState | None:
    """What Streamlit is reported of `state` once `patch` was called twice, as two visitors do."""
    reported: list[ClientState | None] = []
    monkeypatch.setattr(AppSession, "request_rerun", lambda _, client_state: reported.append(client_state))
    monkeypatch.setattr(ForwardMsgQueue, "clear", ForwardMsgQueue.clear)  # restored afterwards
    streamlit_workarounds.patch()
    streamlit_workarounds.patch()
    AppSession.request_rerun(session_with(None), state)
    (only,) = reported
    return only


def test_a_timer_does_not_click(monkeypatch: pytest.MonkeyPatch) -> None:
    state = browser_state(auto=True)
    found = heard(state, monkeypatch)
    assert found is not None
    assert [widget.id for widget in found.widget_states.widgets] == ["slider"]
    assert (found.fragment_id, found.page_script_hash) == ("awaited", HERE)
    assert len(state.widget_states.widgets) == 2  # what came in is not changed


def test_a_click_clicks(monkeypatch: pytest.MonkeyPatch) -> None:
    state = browser_state(auto=False)
    assert heard(state, monkeypatch) == state
    assert heard(None, monkeypatch) is None


def requests_at(page: str, monkeypatch: pytest.MonkeyPatch) -> ScriptRequests:
    requests = ScriptRequests()
    context = SimpleNamespace(script_requests=requests, page_script_hash=page)
    monkeypatch.setattr(streamlit_workarounds, "get_script_run_ctx", lambda: context)
    return requests


def test_a_timer_of_the_page_before_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = requests_at(HERE, monkeypatch)
    requests.request_rerun(RerunData(page_script_hash=BEFORE, fragment_id="awaited", is_auto_rerun=True))
    streamlit_workarounds.drop_requests_of_left_page()
    assert requests.on_scriptrunner_ready().type is ScriptRequestType.STOP  # nothing is left to do


@pytest.mark.parametrize("page", [HERE, ""])
def test_a_timer_of_this_page_is_answered(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = requests_at(HERE, monkeypatch)
    requests.request_rerun(RerunData(page_script_hash=page, fragment_id="awaited", is_auto_rerun=True))
    streamlit_workarounds.drop_requests_of_left_page()
    assert requests.on_scriptrunner_ready().rerun_data.fragment_id_queue == ["awaited"]


def test_a_step_to_another_page_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = requests_at(HERE, monkeypatch)
    requests.request_rerun(RerunData(page_script_hash=BEFORE))
    streamlit_workarounds.drop_requests_of_left_page()
    assert requests.on_scriptrunner_ready().rerun_data.page_script_hash == BEFORE


def test_a_stop_stays_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = requests_at(HERE, monkeypatch)
    requests.request_stop()
    streamlit_workarounds.drop_requests_of_left_page()
    assert requests.on_scriptrunner_ready().type is ScriptRequestType.STOP


def drawn(path: list[int], fragment: str, *, block: bool) -> ForwardMsg:
    message = ForwardMsg()
    message.metadata.delta_path.extend(path)
    message.delta.fragment_id = fragment
    if block:
        message.delta.add_block.allow_empty = True
    else:
        message.delta.new_element.markdown.body = fragment
    return message


def test_a_rerun_removes_what_nested_fragments_drew_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name in ((AppSession, "request_rerun"), (ForwardMsgQueue, "clear")):  # restored afterwards
        method = getattr(owner, name)
        monkeypatch.setattr(owner, name, getattr(method, "__wrapped__", method))  # another test may have called `patch`
    queue = ForwardMsgQueue()
    messages = [
        drawn([0, 0], "tiles", block=True),
        drawn([0, 0, 0], "tiles", block=True),
        drawn([0, 0, 0, 0], "timer", block=True),
        drawn([0, 0, 0, 0, 0], "timer", block=False),
        drawn([0, 1], "other", block=True),
        drawn([0, 1, 0], "other", block=False),
    ]
    for message in messages:
        queue.enqueue(message)
    before = list(queue._queue)
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["tiles"])
    assert queue._queue == messages[2:]  # the fault: a place in a container that was removed
    streamlit_workarounds.patch()
    queue._queue = before
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["tiles"])
    assert queue._queue == messages[4:]
    assert queue.flush() == messages[4:]


def test_a_request_waits_for_the_end_of_the_last_run(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[ClientState | None] = []
    monkeypatch.setattr(AppSession, "request_rerun", lambda _, client_state: reported.append(client_state))
    monkeypatch.setattr(ForwardMsgQueue, "clear", ForwardMsgQueue.clear)
    streamlit_workarounds.patch()
    ended = ScriptRequests()
    ended.request_stop()
    session, state, later = session_with(SimpleNamespace(_requests=ended)), browser_state(auto=False), []
    session.request_rerun = partial(AppSession.request_rerun, session)
    session._event_loop = SimpleNamespace(call_later=lambda seconds, *call: later.append(call))
    session.request_rerun(state)
    other_page = ClientState(page_script_hash="other")
    session.request_rerun(other_page)  # must not overtake a click
    assert reported == []
    ((again, *arguments),) = later
    session._scriptrunner = None  # its last event was handled
    again(*arguments)
    assert reported == [state, other_page]


def test_a_closing_session_takes_the_request_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[ClientState | None] = []
    monkeypatch.setattr(AppSession, "request_rerun", lambda _, client_state: reported.append(client_state))
    monkeypatch.setattr(ForwardMsgQueue, "clear", ForwardMsgQueue.clear)
    streamlit_workarounds.patch()
    ended = ScriptRequests()
    ended.request_stop()
    session = session_with(SimpleNamespace(_requests=ended), AppSessionState.SHUTDOWN_REQUESTED)
    AppSession.request_rerun(session, browser_state(auto=False))
    assert len(reported) == 1  # Streamlit discards it
