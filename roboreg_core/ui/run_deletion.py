"""Deletion of the user's runs, and their restoration within a month."""

import streamlit as st

from roboreg_core import paths
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules.saved_schedules import using
from roboreg_core.store.records import RESTORE_DAYS, Record
from roboreg_core.ui import keys, navigation, panels, schedule_html, shared_state
from roboreg_core.ui.deleted_items import DeletedItems, Entry, deleted_by
from roboreg_core.wording import fmt, run_facts

_ERRORS = "run-removal"
_LONGEST_ID = 60


def _deleted() -> list[Entry]:
    return _entries(str(paths.home()), shared_state.store().version())


@st.cache_resource(show_spinner=False, max_entries=4)
def _entries(home: str, version: int) -> list[Entry]:
    del home, version  # only the cache key
    entries = []
    for each in shared_state.store().list_deleted(KIND, parts=()):
        label, when = run_facts.label(each.record), fmt.date_time(each.deleted)
        text = f"{schedule_html.text(label)} · deleted {when} UTC{deleted_by(each.deleted_by)}"
        entries.append((each.record.id, text, f"Deleted the run {label}."))
    return entries


DELETED = DeletedItems(
    title="Deleted runs", entries=_deleted, restore=lambda run: shared_state.store().restore_record(run), errors=_ERRORS
)


def button(record: Record) -> None:
    """Draw the button that deletes a run after confirmation; nothing for an example run."""
    if record.recorded:
        return
    if st.button("Delete this run", key=keys.DELETE_RUN, icon=":material/delete:", type="tertiary"):
        _confirm(record)


def explain_missing(wanted: str, note: str) -> None:
    """Draw a message on a run that the address names but that is deleted, damaged or unknown.

    For a deleted run, a button to restore it is drawn.

    Args:
        wanted: text in the address: the run's id, its beginning, or anything else.
        note: sentence on the next step or on the runs that are shown; only for an unknown run.
    """
    found = shared_state.store().list_deleted(KIND, wanted.strip(), ()) if wanted.strip() else []
    for each in found[:1]:
        label, when = run_facts.label(each.record), fmt.date_time(each.deleted)
        st.warning(panels.escape(f"The run {label} was deleted {when} UTC."), icon=":material/delete:")
        DELETED.restore_button(each.record.id, keys.of("restore", each.record.id))
    damaged = [
        each
        for each in shared_state.damage(with_jobs=False)
        if wanted.strip() and each.startswith(f"record {wanted.strip()}")
    ]
    for sentence in damaged:
        panels.show_error(sentence)
    if not found and not damaged:
        panels.show_error(
            f"No run here has the id {wanted[:_LONGEST_ID]!r}. It may be on another machine or permanently deleted. "
            f"{note}"
        )


def consequences(record: Record) -> list[str]:
    """Consequences of deleting a run, one sentence each."""
    names = [schedule_html.isolated(each.name) for each in using(shared_state.saved(), record)]
    schedule = record.spec["schedule"]
    others = sum(each.spec["schedule"] == schedule for each in shared_state.runs()) - 1
    sentences = []
    if names:
        left = fmt.plural(others, "run") if others else "no run"
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        sentences.append(f"Its schedule stays saved as {shown}, with {left} left.")
    sentences.append("Comparisons and links that include it will report it as deleted.")
    sentences.append(f"It can be restored for {RESTORE_DAYS} days; then its files are removed.")
    return sentences


@st.dialog("Delete this run?")
def _confirm(record: Record) -> None:
    if shared_state.store().get_record(record.id) is None:
        navigation.go("overview")
    st.markdown(f"**{panels.escape(run_facts.label(record))}**, {fmt.percent(run_facts.accuracy(record))}")
    for sentence in consequences(record):
        st.markdown(f"- {panels.escape(sentence)}")
    panels.kept_messages(_ERRORS)
    with st.container(horizontal=True):
        panels.action("Delete", keys.CONFIRM_DELETE, "delete", lambda: _delete(record.id), _ERRORS, type="primary")
        if st.button("Keep", key=keys.KEEP_RUN):
            st.rerun()


def _delete(run: str) -> None:
    shared_state.store().soft_delete_record(run)
    DELETED.remember(run)
