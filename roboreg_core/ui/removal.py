"""Deleting own runs, and bringing them back: nothing goes for good before a month has passed."""

from __future__ import annotations

import streamlit as st

from roboreg_core.charts import facts, words
from roboreg_core.runs.spec import KIND
from roboreg_core.saved.schedules import using
from roboreg_core.store.records import BIN_DAYS, Record
from roboreg_core.ui import guard, keys, panels, state, strip
from roboreg_core.ui.bins import Bin, Entry

_ERRORS = "run-removal"


def _deleted() -> list[Entry]:
    found = [(each.record.id, facts.label(each.record), each.deleted) for each in state.store().list_binned(KIND)]
    return [
        (run, f"{strip.text(label)} · deleted {words.moment(when)} UTC", f"Deleted the run {label}.")
        for run, label, when in found
    ]


BIN = Bin(title="Deleted runs", entries=_deleted, restore=lambda run: state.store().restore_record(run), errors=_ERRORS)


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
    found = state.store().list_binned(KIND, wanted.strip()) if wanted.strip() else []
    for each in found[:1]:
        label, when = facts.label(each.record), words.moment(each.deleted)
        st.warning(panels.escape(f"The run {label} was deleted {when} UTC."), icon=":material/delete:")
        BIN.button(each.record.id, keys.of("restore", each.record.id))
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
    if state.store().get_record(record.id) is None:
        guard.go("overview")
    st.markdown(f"**{panels.escape(facts.label(record))}**, {words.percent(facts.accuracy(record))}")
    for sentence in consequences(record):
        st.markdown(f"- {panels.escape(sentence)}")
    panels.kept_error(_ERRORS)
    with st.container(horizontal=True):
        panels.action("Delete", keys.CONFIRM_DELETE, "delete", lambda: _delete(record.id), _ERRORS, type="primary")
        if st.button("Keep", key=keys.KEEP_RUN):
            st.rerun()


def _delete(run: str) -> None:
    state.store().bin_record(run)
    BIN.note(run)
