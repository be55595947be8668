"""Timers of Streamlit do not click twice, and do not ask for a page that was left."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType

from roboreg_core.ui import streamlit_timers

HERE, BEFORE = "here", "before"


def browser_state(*, auto: bool) -> ClientState:
    state = ClientState(fragment_id="awaited", is_auto_rerun=auto, page_script_hash=HERE)
    click, slider = state.widget_states.widgets.add(), state.widget_states.widgets.add()
    click.id, click.trigger_value = "undo", True
    slider.id, slider.int_value = "slider", 7
    return state


def heard(state: ClientState | None, monkeypatch: pytest.MonkeyPatch) -> ClientState | None:
    """What Streamlit is told of `state` once `patch_timer_clicks` was called twice, as two visitors do."""
    told: list[ClientState | None] = []
    monkeypatch.setattr(AppSession, "request_rerun", lambda _, client_state: told.append(client_state))
    streamlit_timers.patch_timer_clicks()
    streamlit_timers.patch_timer_clicks()
    AppSession.request_rerun(SimpleNamespace(), state)  # type: ignore[arg-type]
    (only,) = told
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
    monkeypatch.setattr(streamlit_timers, "get_script_run_ctx", lambda: context)
    return requests


def test_a_timer_of_the_page_before_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = requests_at(HERE, monkeypatch)
    requests.request_rerun(RerunData(page_script_hash=BEFORE, fragment_id="awaited", is_auto_rerun=True))
    streamlit_timers.drop_requests_of_left_page()
    assert requests.on_scriptrunner_ready().type is ScriptRequestType.STOP  # nothing is left to do


@pytest.mark.parametrize("page", [HERE, ""])
def test_a_timer_of_this_page_is_answered(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = requests_at(HERE, monkeypatch)
    requests.request_rerun(RerunData(page_script_hash=page, fragment_id="awaited", is_auto_rerun=True))
    streamlit_timers.drop_requests_of_left_page()
    assert requests.on_scriptrunner_ready().rerun_data.fragment_id_queue == ["awaited"]


def test_a_step_to_another_page_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = requests_at(HERE, monkeypatch)
    requests.request_rerun(RerunData(page_script_hash=BEFORE))
    streamlit_timers.drop_requests_of_left_page()
    assert requests.on_scriptrunner_ready().rerun_data.page_script_hash == BEFORE


def test_a_stop_stays_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = requests_at(HERE, monkeypatch)
    requests.request_stop()
    streamlit_timers.drop_requests_of_left_page()
    assert requests.on_scriptrunner_ready().type is ScriptRequestType.STOP
