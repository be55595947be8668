"""Sweeps tab: a card per sweep with progress and actions, and the form for a new one."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from roboreg_core.sweeps import control, sweep_store
from roboreg_core.sweeps.control import SweepState, SweepStatus
from roboreg_core.sweeps.spec import SWEEP, SweepSpec
from roboreg_core.sweeps.sweep_store import Sweep
from roboreg_core.ui import access, keys, panels, schedule_html, shared_state
from roboreg_core.ui.deleted_items import DeletedItems, Entry, deleted_by
from roboreg_core.ui.explore import cache, sweep_choice, sweep_extension, sweep_form
from roboreg_core.wording import fmt, sweep_facts

REFRESH_SECONDS = 1.0
SHOWN = 5
BADGES = {
    SweepState.RUNNING: ("running", ":material/play_arrow:", "blue"),
    SweepState.STOPPING: ("stopping", ":material/hourglass_empty:", "gray"),
    SweepState.STOPPED: ("stopped", ":material/pause:", "orange"),
    SweepState.COMPLETE: ("complete", ":material/check:", "green"),
}
_ACTIVE_STATES = (SweepState.RUNNING, SweepState.STOPPING)
_RENAMED, _ACTIVE, _ERRORS = "sweep-renamed", "sweeps-active", "sweeps"


def show() -> None:
    """Draw the Sweeps tab: a card per sweep, refreshed while one is measured, the form for a new one, deleted ones."""
    DELETED.undo_bar()
    sweep_choice.filters()
    active = [sweep.id for sweep, status in _found() if status.state in _ACTIVE_STATES]
    st.session_state.update({_ACTIVE: active, sweep_form.DRAWN: [each.id for each in cache.sweeps()]})
    panels.fragment(_list, key=keys.SWEEP_LIST_PART, run_every=REFRESH_SECONDS if active else None)()
    sweep_form.show(_start)
    DELETED.show_list()


def _list() -> None:
    found = _found()
    active = [sweep.id for sweep, status in found if status.state in _ACTIVE_STATES]
    if active != st.session_state[_ACTIVE] or [sweep.id for sweep, _ in found] != st.session_state[sweep_form.DRAWN]:
        st.rerun()  # one started, finished or was deleted: the whole page depends on that
    st.markdown(panels.escape(sweep_facts.finding(found)))
    kept = {sweep.id for sweep in sweep_choice.filtered([sweep for sweep, _ in found])}
    shown = [each for each in found if each[0].id in kept]
    if len(shown) < len(found):
        st.caption(f"Showing {len(shown)} of {fmt.plural(len(found), 'sweep')}.")
    panels.some_first(shown, lambda each: _card(*each), SHOWN)


def _found() -> list[tuple[Sweep, SweepStatus]]:
    return [(sweep, cache.status(sweep)) for sweep in cache.sweeps()]


def _card(sweep: Sweep, status: SweepStatus) -> None:
    with st.container(border=True, key=keys.of("sweep", sweep.id)):
        left, right = st.columns([3, 2], vertical_alignment="center")
        with left:
            _heading(sweep, status)
            st.caption(panels.escape(sweep_facts.sweep_words(sweep.spec)))
            if status.error:
                st.error(panels.escape(panels.sentence(status.error)), icon=":material/error:")
        with right:
            _progress(status)
            with st.container(horizontal=True, vertical_alignment="center"):
                _actions(sweep, status)


def _heading(sweep: Sweep, status: SweepStatus) -> None:
    origin = "example sweep" if sweep.recorded else f"created {fmt.date_time(sweep.created)} UTC"
    panels.card_heading(fmt.inline_text(sweep.name), BADGES[status.state], origin)


def _progress(status: SweepStatus) -> None:
    if status.state is SweepState.COMPLETE:
        st.markdown(panels.escape(f"All {fmt.plural(status.total, 'point')} measured"))
        return
    st.progress(
        status.done / status.total if status.total else 1.0, text=panels.escape(sweep_facts.progress_words(status))
    )


def _actions(sweep: Sweep, status: SweepStatus) -> None:
    if status.state is SweepState.RUNNING:
        _button("Stop", "stop", sweep, "stop", lambda: control.stop(shared_state.backend().engine(), sweep))
    if status.state is SweepState.STOPPED:
        _button("Resume", "resume", sweep, "replay", lambda: _resume(sweep), type="primary")
    if status.done:
        _button(
            "See correlation",
            "correlate",
            sweep,
            "grid_on",
            lambda: sweep_choice.take(sweep.id),
            whole=True,
            writes=False,
        )
    _button("Extend", "extend", sweep, "add", lambda: sweep_form.take(sweep), whole=True, writes=False)
    if not sweep.recorded and status.state in (SweepState.STOPPED, SweepState.COMPLETE):
        with st.popover("More", key=keys.of("more", sweep.id)):
            _more(sweep)


def _more(sweep: Sweep) -> None:
    with st.form(keys.of("edit", sweep.id), border=False):
        st.text_input("Name", sweep.name, key=keys.of("name", sweep.id))
        st.form_submit_button(
            "Rename",
            key=keys.of("rename", sweep.id),
            on_click=_rename,
            args=(sweep,),
            disabled=not access.may_write(),
        )
    if st.session_state.pop(_RENAMED, False) or panels.has_kept_error(_ERRORS):
        st.rerun()
    _button("Delete", "delete", sweep, "delete", lambda: _delete(sweep), whole=True, type="tertiary")


def _button(
    label: str, action: str, sweep: Sweep, icon: str, act: Callable[[], object], *, whole: bool = False, **options: Any
) -> None:
    """Button of a card; `whole` redraws the whole page, not only the list."""
    pressed = panels.action(label, keys.of(action, sweep.id), icon, act, _ERRORS, **options)
    if pressed and (whole or panels.has_kept_error(_ERRORS)):
        st.rerun()


def _start(spec: SweepSpec) -> None:
    with panels.errors_kept(sweep_form.ERRORS):
        extended = sweep_extension.extended()
        if extended is None:
            control.start(shared_state.backend().engine(), spec, shared_state.network(spec.dense_sha256))
        else:
            sweep_extension.submit(extended, spec)
        st.session_state[keys.SWEEP_NAME] = ""


def _resume(sweep: Sweep) -> None:
    control.resume(shared_state.backend().engine(), sweep, shared_state.network(sweep.spec.dense_sha256))


def _rename(sweep: Sweep) -> None:
    with panels.errors_kept(_ERRORS):
        control.rename(shared_state.store(), sweep, st.session_state[keys.of("name", sweep.id)])
        st.session_state[_RENAMED] = True  # redraw the whole page, which contains the name


def _delete(sweep: Sweep) -> None:
    control.delete(shared_state.store(), sweep)
    DELETED.remember(sweep.id)


def _deleted() -> list[Entry]:
    store = shared_state.store()
    authors = {each.record.id: each.deleted_by for each in store.list_deleted(SWEEP)}
    found = [(each.id, fmt.inline_text(each.name), each.spec) for each in sweep_store.deleted_sweeps(store)]
    return [
        (
            sweep,
            schedule_html.text(f"{name} · {sweep_facts.sweep_words(spec)}") + deleted_by(authors.get(sweep)),
            f"Deleted the sweep “{name}”; its measured points are kept.",
        )
        for sweep, name, spec in found
    ]


DELETED = DeletedItems(
    title="Deleted sweeps",
    entries=_deleted,
    restore=lambda sweep: control.restore(shared_state.store(), sweep),
    errors=_ERRORS,
)
