"""A card for each dense network: how accurate it is, where it comes from, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from roboreg_core.baselines import manage
from roboreg_core.baselines.known import Baseline, checkpoint_of, command_of
from roboreg_core.charts import networks as told
from roboreg_core.charts import words
from roboreg_core.store.records import BIN_DAYS
from roboreg_core.ui import keys, panels, state, strip
from roboreg_core.ui.train import curves

SHOWN = 12
ERRORS = "train-cards"
_TOLD, _DELETED, _MANY = "train-told", "train-deleted", "train-shown"
_COLOURS = {"shipped": "gray", "trained": "blue", "uploaded": "violet"}


def show(known: Sequence[Baseline]) -> None:
    """All cards, as many at a time as are looked at."""
    many = st.session_state.get(_MANY, SHOWN)
    for each in known[:many]:
        _card(each)
    if len(known) > many:
        more = {_MANY: many + SHOWN}
        st.button(f"Show more of {len(known)}", key="train-more", on_click=st.session_state.update, args=(more,))
    st.caption("Accuracy: float32, test images that neither training nor any choice has looked at.")


def undo_bar() -> None:
    """What a button told or refused, and the last deletion of this visit, to be undone at once."""
    panels.kept_error(ERRORS)
    message = st.session_state.pop(_TOLD, None)
    if message:
        st.success(panels.escape(message), icon=":material/check:")
    last = st.session_state.get(_DELETED)
    found = next((each.record for each in manage.deleted(state.store()) if each.record.id == last), None)
    if found is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key=keys.UNDO_BAR):
        text = f"Deleted the network {strip.isolated(found.spec['name'])}. Runs that started from it stay whole."
        st.info(panels.escape(text), icon=":material/delete:", width="stretch")
        st.button("Undo", key=keys.UNDO, icon=":material/undo:", on_click=_restore, args=(found.id,), type="primary")


def bin_list() -> None:
    """The deleted networks that can still be brought back."""
    binned = manage.deleted(state.store())
    if not binned:
        return
    label = f"Deleted networks ({len(binned)}), kept for {BIN_DAYS} days"
    with st.expander(label, icon=":material/delete:", key="train-bin"):
        for each in binned[:SHOWN]:
            with st.container(horizontal=True, vertical_alignment="center"):
                name, when = strip.text(each.record.spec["name"]), words.moment(each.deleted)
                st.html(f"{name} · deleted {when} UTC", width="stretch")
                restore_button(each.record.id)


def restore_button(record: str, where: str = "restore") -> None:
    """Brings a deleted network back; `where` tells the buttons of a page apart."""
    key = keys.of_network(where, record)
    st.button("Restore", key=key, icon=":material/undo:", on_click=_restore, args=(record,))


def use_link(name: str, key: str) -> None:
    """The way to Design with this network chosen."""
    query = {keys.BASELINE_NETWORK: name}
    with st.container(key=key, width="content"):
        st.page_link("pages/design.py", label="Prune it in Design", icon=":material/tune:", query_params=query)


def _card(network: Baseline) -> None:
    place = network.record.id if network.record is not None else network.sha256[:16]
    with st.container(border=True, key=keys.of_network("network", place)):
        left, right = st.columns([3, 1.4], vertical_alignment="center")
        with left:
            _facts(network)
        with right, st.container(horizontal=True, vertical_alignment="center"):
            use_link(network.name, keys.of_network("use", place))
            more = st.popover("More", key=keys.of_network("more", place), on_change="rerun")
            if more.open:  # drawn only where it is looked at
                with more:
                    _more(network, place)
        if network.record is not None and network.record.result["history"]:
            _curves(network, place)


def _facts(network: Baseline) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{panels.escape(words.contained(network.name))}**", width="content")
        st.badge(network.origin, color=_COLOURS[network.origin])  # type: ignore[arg-type]
    st.markdown(panels.escape(f"Right on {told.accuracy_words(network)}."))
    made = told.origin_words(network)
    st.caption(panels.escape(f"{made[:1].upper()}{made[1:]} · {told.identity_words(network)}"))
    for note in network.notes:
        st.caption(panels.escape(panels.sentence(words.shortened(note, 300))))


def _curves(network: Baseline, place: str) -> None:
    assert network.record is not None
    shown = st.expander(
        "Curves of its training", icon=":material/show_chart:", key=keys.of_network("curves", place), on_change="rerun"
    )
    if shown.open:
        with shown:
            curves.show(network.record.result["history"], network.record.id)
            st.markdown("**The same on the command line**")
            st.code(command_of(network.record), language="bash", wrap_lines=True)


def _more(network: Baseline, place: str) -> None:
    of = keys.of_network
    st.download_button(
        "Download weights (.safetensors)",
        lambda: checkpoint_of(network, state.store()).content,
        told.file_name(network),
        "application/octet-stream",
        key=of("download", place),
        icon=":material/download:",
        on_click="ignore",
    )
    if network.record is None:
        st.caption("It ships with the project, so it keeps its name and stays.")
        return
    with st.form(of("edit", place), border=False):
        st.text_input("Name", network.name, key=of("name", place))
        st.form_submit_button("Rename", key=of("rename", place), on_click=_rename, args=(network, place))
    delete = {"icon": ":material/delete:", "on_click": _delete, "args": (network, place), "type": "tertiary"}
    st.button("Delete", key=of("delete", place), **delete)  # type: ignore[arg-type]


def _rename(network: Baseline, place: str) -> None:
    with panels.errors_kept(ERRORS):
        renamed = manage.rename(state.store(), network, st.session_state[keys.of_network("name", place)])
        if st.session_state.get(keys.BASELINE_NETWORK) == network.name:  # it stays the chosen one
            st.session_state[keys.BASELINE_NETWORK] = renamed.name
        st.session_state[_TOLD] = f"Renamed to {strip.isolated(renamed.name)}. Finished runs keep the name of then."
        st.session_state[keys.of_network("more", place)] = False


def _delete(network: Baseline, place: str) -> None:
    with panels.errors_kept(ERRORS):
        manage.delete(state.store(), network)
        st.session_state[_DELETED] = network.record.id if network.record else None
        st.session_state[keys.of_network("more", place)] = False


def _restore(record: str) -> None:
    with panels.errors_kept(ERRORS):
        restored = manage.restore(state.store(), record)
        st.session_state.pop(_DELETED, None)
        st.session_state[_TOLD] = f"{strip.isolated(restored.name)} is back."
