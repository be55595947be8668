"""Deleted items of one kind: a bar that undoes the last deletion of this visit, and a list to restore from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from roboreg_core.store.records import RESTORE_DAYS
from roboreg_core.ui import keys, panels, schedule_html

SHOWN = 25
# Id of a deleted item, its row of the list as HTML, the text of the undo bar.
Entry = tuple[str, str, str]


def deleted_by(author: str | None) -> str:
    """HTML for the end of a row, ` · by <author>`; empty if `author`, who deleted the item, is None."""
    return f" · by {schedule_html.text(author)}" if author else ""


@dataclass(frozen=True, kw_only=True)
class DeletedItems:
    """Deleted items of one kind, e.g. runs: a list to restore them from, and a bar to undo the last deletion.

    Attributes:
        title: heading of the list, e.g. `Deleted runs`; also the session key of the last deletion.
        entries: returns an `Entry` for each item that can be restored, last deleted first.
        restore: restores an item by its id.
        errors: name under which `panels.kept_messages` shows errors of `restore`.
        undo: widget key of the undo button; a second kind on the same page needs another key.
    """

    title: str
    entries: Callable[[], Sequence[Entry]]
    restore: Callable[[str], object]
    errors: str
    undo: str = keys.UNDO

    def remember(self, deleted: str) -> None:
        """Call after deleting the item with the id `deleted`: `undo_bar` offers to restore it in this visit."""
        st.session_state[self.title] = deleted

    def undo_bar(self) -> None:
        """Draw kept messages and, after a deletion in this visit, a bar that names the item, with an undo button."""
        panels.kept_messages(self.errors)
        last = st.session_state.get(self.title)
        for item, _, text in self.entries() if last else ():
            if item == last:
                with st.container(horizontal=True, vertical_alignment="center", key=f"{self.undo}-bar"):
                    st.info(panels.escape(text), icon=":material/delete:", width="stretch")
                    self.restore_button(last, self.undo, "Undo", type="primary")

    def show_list(self) -> None:
        """Draw the list of items that can be restored; nothing if there are none."""
        entries = self.entries()
        if not entries:
            return
        title = f"{self.title} ({len(entries)}), kept for {RESTORE_DAYS} days"
        with st.expander(title, icon=":material/delete:", key=keys.of("bin", self.title)):
            for deleted, row, _ in entries[:SHOWN]:
                with st.container(horizontal=True, vertical_alignment="center"):
                    st.html(row, width="stretch")
                    self.restore_button(deleted, keys.of("restore", deleted))
            if len(entries) > SHOWN:
                st.caption(f"{len(entries) - SHOWN} older ones can be restored on the command line.")

    def restore_button(self, deleted: str, key: str, label: str = "Restore", **options: Any) -> None:
        """Draw a button that restores the item with the id `deleted`; `options` are passed to `st.button`."""
        panels.action(label, key, "undo", lambda: self._restore(deleted), self.errors, **options)

    def _restore(self, deleted: str) -> None:
        self.restore(deleted)
        st.session_state.pop(self.title, None)
