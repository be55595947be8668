"""The bin of one kind of thing: the bar that undoes the last deletion of a visit, and the list to restore from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from roboreg_core.store.records import BIN_DAYS
from roboreg_core.ui import keys, panels

SHOWN = 25
# Id of a deleted thing, its row of the list as HTML, the text of the bar.
Entry = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Bin:
    """The deleted things of one kind.

    Attributes:
        title: of the list, e.g. `Deleted runs`; also the name of the last deletion in the session.
        entries: those that can be restored, last one first.
        restore: brings one back by its id.
        errors: under which `panels.kept_error` finds what a restoration raised.
    """

    title: str
    entries: Callable[[], Sequence[Entry]]
    restore: Callable[[str], object]
    errors: str

    def note(self, deleted: str) -> None:
        """Remember what this visit has just deleted, so that the bar offers to undo it."""
        st.session_state[self.title] = deleted

    def undo_bar(self) -> None:
        """The last deletion of this visit, to be undone at once."""
        last = st.session_state.get(self.title)
        for found, _, text in self.entries() if last else ():
            if found == last:
                with st.container(horizontal=True, vertical_alignment="center", key=keys.UNDO_BAR):
                    st.info(panels.escape(text), icon=":material/delete:", width="stretch")
                    self.button(last, keys.UNDO, "Undo", type="primary")

    def listed(self) -> None:
        """The deleted things that can still be restored; nothing where there are none."""
        entries = self.entries()
        if not entries:
            return
        title = f"{self.title} ({len(entries)}), kept for {BIN_DAYS} days"
        with st.expander(title, icon=":material/delete:", key=keys.of("bin", self.title)):
            for deleted, row, _ in entries[:SHOWN]:
                with st.container(horizontal=True, vertical_alignment="center"):
                    st.html(row, width="stretch")
                    self.button(deleted, keys.of("restore", deleted))
            if len(entries) > SHOWN:
                st.caption(f"And {len(entries) - SHOWN} older, which the command line restores.")

    def button(self, deleted: str, key: str, label: str = "Restore", **options: Any) -> None:
        """Restores one."""
        panels.action(label, key, "undo", lambda: self._restore(deleted), self.errors, **options)

    def _restore(self, deleted: str) -> None:
        self.restore(deleted)
        st.session_state.pop(self.title, None)
