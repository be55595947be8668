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
    """HTML for the end of a row: who deleted the item; empty without a login."""
    return f" · by {schedule_html.text(author)}" if author else ""


@dataclass(frozen=True, kw_only=True)
class DeletedItems:
    """Deleted items of one kind.

    Attributes:
        title: heading of the list, e.g. `Deleted runs`; also the session key of the last deletion.
        entries: returns the items that can be restored, last deleted first.
        restore: restores an item by its id.
        errors: name under which `panels.kept_messages` shows errors of `restore`.
        undo: key of the undo button, other than the default for a second kind on a page.
    """

    title: str
    entries: Callable[[], Sequence[Entry]]
    restore: Callable[[str], object]
    errors: str
    undo: str = keys.UNDO

    def remember(self, deleted: str) -> None:
        """Offer to undo the deletion of the item with the id `deleted` for the rest of the visit."""
        st.session_state[self.title] = deleted

    def undo_bar(self) -> None:
        """Draw messages, and the last deletion of this visit with a button to undo it."""
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
