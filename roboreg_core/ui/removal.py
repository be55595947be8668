"""Deleting own runs, and bringing them back: nothing goes for good before a month has passed."""

from __future__ import annotations

import streamlit as st

from roboreg_core.charts import facts, words
from roboreg_core.runs.spec import KIND
from roboreg_core.saved.schedules import using
from roboreg_core.store.records import BIN_DAYS, Record
from roboreg_core.ui import guard, keys, panels, state, strip

_DELETED, _ERRORS = "run-deleted", "run-removal"


def button(record: Record) -> None:
    """Deletes an own run, after a question; a recorded one has no such button."""
    if record.recorded:
        return
    if st.button("Delete this run", key=keys.DELETE_RUN, icon=":material/delete:", type="tertiary"):
        _ask(record)


def undo_bar() -> None:
    """The last deletion of this visit, to be undone at once."""
    panels.kept_error(_ERRORS)
    last = st.session_state.get(_DELETED)
    record = next((each.record for each in state.store().list_binned(KIND, last) if last), None) if last else None
    if record is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key=keys.UNDO_BAR):
        st.info(panels.escape(f"Deleted the run {facts.label(record)}."), icon=":material/delete:", width="stretch")
        st.button("Undo", key=keys.UNDO, icon=":material/undo:", on_click=_restore, args=(record.id,), type="primary")


def bin_list() -> None:
    """The deleted runs that can still be restored."""
    deleted = state.store().list_binned(KIND)
    if not deleted:
        return
    with st.expander(f"Deleted runs ({len(deleted)}), kept for {BIN_DAYS} days", icon=":material/delete:"):
        for each in deleted:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(panels.escape(f"{facts.label(each.record)} · deleted {words.moment(each.deleted)} UTC"))
                _restore_button(each.record)


def explained(wanted: str) -> bool:
    """Where an address names a deleted run: says so, offers to restore it, and returns True."""
    found = state.store().list_binned(KIND, wanted.strip()) if wanted.strip() else []
    for each in found[:1]:
        label, when = facts.label(each.record), words.moment(each.deleted)
        st.warning(panels.escape(f"The run {label} was deleted {when} UTC."), icon=":material/delete:")
        _restore_button(each.record)
    return bool(found)


def consequences(record: Record) -> list[str]:
    """What else is concerned when this run goes, a sentence each."""
    names = [strip.isolated(each.name) for each in using(state.saved(), record)]
    others = sum(str(facts.schedule_of(each)) == str(facts.schedule_of(record)) for each in state.runs()) - 1
    told = []
    if names:
        left = words.plural(others, "run") if others else "no run"
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        told.append(f"Its schedule is saved as {shown}; it stays saved, with {left} left.")
    told.append("A comparison that includes it, and every link to it, says that it was deleted.")
    told.append(f"It can be restored for {BIN_DAYS} days, then its files go.")
    return told


@st.dialog("Delete this run?")
def _ask(record: Record) -> None:
    if st.session_state.get(_DELETED) == record.id and state.store().get_record(record.id) is None:
        guard.go("overview")
    st.markdown(f"**{panels.escape(facts.label(record))}**, {words.percent(facts.accuracy(record))}")
    for sentence in consequences(record):
        st.markdown(f"- {panels.escape(sentence)}")
    panels.kept_error(_ERRORS)
    delete = {"icon": ":material/delete:", "type": "primary", "on_click": _delete, "args": (record.id,)}
    with st.container(horizontal=True):
        st.button("Delete", key=keys.CONFIRM_DELETE, **delete)  # type: ignore[arg-type]
        if st.button("Keep", key=keys.KEEP_RUN):
            st.rerun()


def _restore_button(record: Record) -> None:
    key = f"restore-{record.id}"
    st.button("Restore", key=key, icon=":material/undo:", on_click=_restore, args=(record.id,))


def _delete(run: str) -> None:
    with panels.errors_kept(_ERRORS):
        state.store().bin_record(run)
        st.session_state[_DELETED] = run


def _restore(run: str) -> None:
    with panels.errors_kept(_ERRORS):
        state.store().restore_record(run)
        st.session_state.pop(_DELETED, None)
