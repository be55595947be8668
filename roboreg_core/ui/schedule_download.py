"""Download of schedules with their names, notes and tags, also of those that could not be saved."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from roboreg_core.errors import StorageError
from roboreg_core.schedules import schedule_file
from roboreg_core.schedules.saved_schedules import ScheduleDraft
from roboreg_core.ui import keys, panels

_UNSAVED = "schedule-unsaved"


def button(label: str, drafts: Sequence[ScheduleDraft], key: str) -> None:
    """Draw a button, with the widget key `key`, that downloads the schedules as a file that can be imported."""
    panels.download(label, schedule_file.write(drafts), schedule_file.file_name(drafts), key)


@contextmanager
def saving(draft: ScheduleDraft, saved_id: str = "") -> Iterator[None]:
    """Context manager for a block that saves `draft`: on a `StorageError`, keep it for `unsaved` and raise the error.

    `saved_id` is the id of the saved schedule that `draft` replaces; empty for a new one.
    """
    try:
        yield
    except StorageError:
        st.session_state[_UNSAVED] = (saved_id, draft)
        raise


def unsaved() -> dict[str, ScheduleDraft]:
    """Remove and return the schedule that `saving` kept, as `{saved_id: draft}`; {} if there is none."""
    return dict([st.session_state.pop(_UNSAVED)]) if _UNSAVED in st.session_state else {}


def offer_unsaved() -> None:
    """Draw a button that downloads the schedule that `saving` kept; nothing if there is none."""
    drafts = list(unsaved().values())
    if drafts:
        button("Download the unsaved schedule (JSON)", drafts, keys.DOWNLOAD_UNSAVED)
