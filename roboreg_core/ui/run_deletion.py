"""Deleting own runs, and bringing them back: nothing goes for good before a month has passed."""

from __future__ import annotations

import streamlit as st

from roboreg_core.runs.spec import KIND
from roboreg_core.schedules.saved_schedules import using
from roboreg_core.store.records import BIN_DAYS, Record
from roboreg_core.ui import keys, navigation, panels, schedule_html, shared_state
from roboreg_core.ui.deleted_items import Bin, Entry
from roboreg_core.wording import fmt, run_facts

_ERRORS = "run-removal"


def _deleted() -> list[Entry]:
    found = [
        (each.record.id, run_facts.label(each.record), each.deleted) for each in shared_state.store().list_binned(KIND)
    ]
    return [
        (run, f"{schedule_html.text(label)} · deleted {fmt.moment(when)} UTC", f"Deleted the run {label}.")
        for run, label, when in found
    ]


BIN = Bin(
    title="Deleted runs", entries=_deleted, restore=lambda run: shared_state.store().restore_record(run), errors=_ERRORS
)


def button(record: Record) -> None:
    """Deletes an own run, after a question; a recorded one has no such button."""
    if record.recorded:
        return
    if st.button("Delete this run", key=keys.DELETE_RUN, icon=":material/delete:", type="tertiary"):
        _ask(record)


def undo_bar() -> None:
    """The last deletion of this visit, to be undone at once."""
    panels.kept_error(_ERRORS)
    BIN.undo_bar()


def explained(wanted: str) -> bool:
    """Where an address names a deleted run: says so, offers to restore it, and returns True."""
    found = shared_state.store().list_binned(KIND, wanted.strip()) if wanted.strip() else []
    for each in found[:1]:
        label, when = run_facts.label(each.record), fmt.moment(each.deleted)
        st.warning(panels.escape(f"The run {label} was deleted {when} UTC."), icon=":material/delete:")
        BIN.button(each.record.id, keys.of("restore", each.record.id))
    return bool(found)


def consequences(record: Record) -> list[str]:
    """What else is concerned when this run goes, a sentence each."""
    names = [schedule_html.isolated(each.name) for each in using(shared_state.saved(), record)]
    others = (
        sum(str(run_facts.schedule_of(each)) == str(run_facts.schedule_of(record)) for each in shared_state.runs()) - 1
    )
    told = []
    if names:
        left = fmt.plural(others, "run") if others else "no run"
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        told.append(f"Its schedule is saved as {shown}; it stays saved, with {left} left.")
    told.append("A comparison that includes it, and every link to it, says that it was deleted.")
    told.append(f"It can be restored for {BIN_DAYS} days, then its files go.")
    return told


@st.dialog("Delete this run?")
def _ask(record: Record) -> None:
    if shared_state.store().get_record(record.id) is None:
        navigation.go("overview")
    st.markdown(f"**{panels.escape(run_facts.label(record))}**, {fmt.percent(run_facts.accuracy(record))}")
    for sentence in consequences(record):
        st.markdown(f"- {panels.escape(sentence)}")
    panels.kept_error(_ERRORS)
    with st.container(horizontal=True):
        panels.action("Delete", keys.CONFIRM_DELETE, "delete", lambda: _delete(record.id), _ERRORS, type="primary")
        if st.button("Keep", key=keys.KEEP_RUN):
            st.rerun()


def _delete(run: str) -> None:
    shared_state.store().bin_record(run)
    BIN.note(run)
