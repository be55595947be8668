"""Sweeps: those that there are, how far each is and what may be done with it; and the fields that define another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from roboreg_core.charts import sweeps as told
from roboreg_core.charts import words
from roboreg_core.explore import control, kept
from roboreg_core.explore.control import State, Status
from roboreg_core.explore.kept import Sweep
from roboreg_core.explore.spec import SweepSpec
from roboreg_core.ui import keys, panels, state, strip
from roboreg_core.ui.bins import Bin, Entry
from roboreg_core.ui.explore import choice, define, extension, known

REFRESH_SECONDS = 1.0
SHOWN = 5
BADGES = {
    State.RUNNING: ("running", ":material/play_arrow:", "blue"),
    State.STOPPING: ("stopping", ":material/hourglass_empty:", "gray"),
    State.STOPPED: ("stopped", ":material/pause:", "orange"),
    State.COMPLETE: ("complete", ":material/check:", "green"),
}
_AT_WORK = (State.RUNNING, State.STOPPING)
_RENAMED, _ACTIVE, _ERRORS = "sweep-renamed", "sweeps-active", "sweeps"


def show() -> None:
    """The tab."""
    panels.kept_error(_ERRORS)
    BIN.undo_bar()
    active = [sweep.id for sweep, status in _found() if status.state in _AT_WORK]
    st.session_state.update({_ACTIVE: active, define.DRAWN: [each.id for each in known.sweeps()]})
    st.fragment(_list, key=keys.SWEEP_LIST_PART, run_every=REFRESH_SECONDS if active else None)()
    define.show(_start)
    BIN.listed()


def _list() -> None:
    found = _found()
    active = [sweep.id for sweep, status in found if status.state in _AT_WORK]
    if active != st.session_state[_ACTIVE] or [sweep.id for sweep, _ in found] != st.session_state[define.DRAWN]:
        st.rerun()  # one began, ended or was deleted: the page looks again only while one is at work, and has the bin
    st.markdown(panels.escape(told.finding(found)))
    for sweep, status in found[:SHOWN]:
        _card(sweep, status)
    if len(found) > SHOWN:
        with st.expander(f"{len(found) - SHOWN} older"):
            for sweep, status in found[SHOWN:]:
                _card(sweep, status)


def _found() -> list[tuple[Sweep, Status]]:
    return [(sweep, known.status(sweep)) for sweep in known.sweeps()]


def _card(sweep: Sweep, status: Status) -> None:
    with st.container(border=True, key=keys.of("sweep", sweep.id)):
        left, right = st.columns([3, 2], vertical_alignment="center")
        with left:
            _heading(sweep, status)
            st.caption(panels.escape(told.sweep_words(sweep.spec)))
            if status.error:
                st.error(panels.escape(panels.sentence(status.error)), icon=":material/error:")
        with right:
            _progress(status)
            with st.container(horizontal=True, vertical_alignment="center"):
                _actions(sweep, status)


def _heading(sweep: Sweep, status: Status) -> None:
    made = "recorded, ships with the project" if sweep.recorded else f"made {words.moment(sweep.created)} UTC"
    panels.card_heading(words.contained(sweep.name), BADGES[status.state], made)


def _progress(status: Status) -> None:
    if status.state is State.COMPLETE:
        st.markdown(panels.escape(f"All {words.plural(status.total, 'point')} measured"))
        return
    st.progress(status.done / status.total if status.total else 1.0, text=panels.escape(told.progress_words(status)))


def _actions(sweep: Sweep, status: Status) -> None:
    if status.state is State.RUNNING:
        _button("Stop", "stop", sweep, "stop", lambda: control.stop(state.machinery().engine(), sweep))
    if status.state is State.STOPPED:
        _button("Resume", "resume", sweep, "replay", lambda: _resume(sweep), type="primary")
    if status.done:
        _button("See correlation", "correlate", sweep, "grid_on", lambda: choice.take(sweep.id), whole=True)
    _button("Extend", "extend", sweep, "add", lambda: define.take(sweep), whole=True)
    if not sweep.recorded and status.state in (State.STOPPED, State.COMPLETE):
        with st.popover("More", key=keys.of("more", sweep.id)):
            _more(sweep)


def _more(sweep: Sweep) -> None:
    """What is seldom done."""
    with st.form(keys.of("edit", sweep.id), border=False):
        st.text_input("Name", sweep.name, key=keys.of("name", sweep.id))
        st.form_submit_button("Rename", key=keys.of("rename", sweep.id), on_click=_rename, args=(sweep,))
    if st.session_state.pop(_RENAMED, False) or f"kept-error-{_ERRORS}" in st.session_state:
        st.rerun()
    _button("Delete", "delete", sweep, "delete", lambda: _delete(sweep), whole=True, type="tertiary")


def _button(
    label: str, action: str, sweep: Sweep, icon: str, act: Callable[[], object], *, whole: bool = False, **options: Any
) -> None:
    """A button of a card; `whole` draws the whole page again and not the list alone."""
    pressed = panels.action(label, keys.of(action, sweep.id), icon, act, _ERRORS, **options)
    if pressed and (whole or f"kept-error-{_ERRORS}" in st.session_state):
        st.rerun()


def _start(spec: SweepSpec) -> None:
    """For callbacks."""
    with panels.errors_kept(define.ERRORS):
        wide = extension.extended()
        if wide is None:
            control.start(state.machinery().engine(), spec, state.network(spec.dense_sha256))
        else:
            extension.submit(wide, spec)
        st.session_state[keys.SWEEP_NAME] = ""


def _resume(sweep: Sweep) -> None:
    control.resume(state.machinery().engine(), sweep, state.network(sweep.spec.dense_sha256))


def _rename(sweep: Sweep) -> None:
    with panels.errors_kept(_ERRORS):
        control.rename(state.store(), sweep, st.session_state[keys.of("name", sweep.id)])
        st.session_state[_RENAMED] = True  # all of the page names it, and not the list alone


def _delete(sweep: Sweep) -> None:
    control.delete(state.store(), sweep)
    BIN.note(sweep.id)


def _deleted() -> list[Entry]:
    found = [(each.id, words.contained(each.name), each.spec) for each in kept.binned_sweeps(state.store())]
    return [
        (sweep, strip.text(f"{name} · {told.sweep_words(spec)}"), f"Deleted the sweep “{name}”; its points stay.")
        for sweep, name, spec in found
    ]


BIN = Bin(
    title="Deleted sweeps",
    entries=_deleted,
    restore=lambda sweep: control.restore(state.store(), sweep),
    errors=_ERRORS,
)
