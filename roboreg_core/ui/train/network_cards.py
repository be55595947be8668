"""A card for each dense network: how accurate it is, where it comes from, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from roboreg_core.networks import management
from roboreg_core.networks.registry import DenseNetwork, checkpoint_of, command_of
from roboreg_core.ui import keys, panels, schedule_html, shared_state, training_curves_panel
from roboreg_core.ui.deleted_items import Bin, Entry
from roboreg_core.wording import fmt, network_facts

SHOWN = 12
ERRORS = "train-cards"
_TOLD, _MANY = "train-told", "train-shown"
_COLOURS = {"shipped": "gray", "trained": "blue", "uploaded": "violet"}


def show(known: Sequence[DenseNetwork]) -> None:
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
    BIN.undo_bar()


def use_link(name: str, key: str) -> None:
    """The way to Design with this network chosen."""
    query = {keys.BASELINE_NETWORK: name}
    with st.container(key=key, width="content"):
        st.page_link("pages/design.py", label="Prune it in Design", icon=":material/tune:", query_params=query)


def _card(network: DenseNetwork) -> None:
    place = network.record.id if network.record is not None else network.sha256[:16]
    with st.container(border=True, key=keys.of("network", place)):
        left, right = st.columns([3, 1.4], vertical_alignment="center")
        with left:
            _facts(network)
        with right, st.container(horizontal=True, vertical_alignment="center"):
            use_link(network.name, keys.of("use", place))
            more = st.popover("More", key=keys.of("more", place), on_change="rerun")
            if more.open:  # drawn only where it is looked at
                with more:
                    _more(network, place)
        if network.record is not None and network.record.result["history"]:
            _curves(network, place)


def _facts(network: DenseNetwork) -> None:
    panels.card_heading(fmt.contained(network.name), (network.origin, None, _COLOURS[network.origin]))
    st.markdown(panels.escape(f"Right on {network_facts.accuracy_words(network)}."))
    made = network_facts.origin_words(network)
    st.caption(panels.escape(f"{made[:1].upper()}{made[1:]} · {network_facts.identity_words(network)}"))
    for note in network.notes:
        st.caption(panels.escape(panels.sentence(fmt.shortened(note, 300))))


def _curves(network: DenseNetwork, place: str) -> None:
    assert network.record is not None
    shown = st.expander(
        "Curves of its training", icon=":material/show_chart:", key=keys.of("curves", place), on_change="rerun"
    )
    if shown.open:
        with shown:
            training_curves_panel.show(network.record.result["history"], network.record.id)
            st.markdown("**The same on the command line**")
            st.code(command_of(network.record), language="bash", wrap_lines=True)


def _more(network: DenseNetwork, place: str) -> None:
    of = keys.of
    st.download_button(
        "Download weights (.safetensors)",
        lambda: checkpoint_of(network, shared_state.store()).content,
        network_facts.file_name(network),
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
    panels.action("Delete", of("delete", place), "delete", lambda: _delete(network, place), ERRORS, type="tertiary")


def _rename(network: DenseNetwork, place: str) -> None:
    with panels.errors_kept(ERRORS):
        renamed = management.rename(shared_state.store(), network, st.session_state[keys.of("name", place)])
        if st.session_state.get(keys.BASELINE_NETWORK) == network.name:  # it stays the chosen one
            st.session_state[keys.BASELINE_NETWORK] = renamed.name
        st.session_state[_TOLD] = (
            f"Renamed to {schedule_html.isolated(renamed.name)}. Finished runs keep the name of then."
        )
        st.session_state[keys.of("more", place)] = False


def _delete(network: DenseNetwork, place: str) -> None:
    management.delete(shared_state.store(), network)
    BIN.note(place)
    st.session_state[keys.of("more", place)] = False


def _restored(record: str) -> None:
    restored = management.restore(shared_state.store(), record)
    st.session_state[_TOLD] = f"{schedule_html.isolated(restored.name)} is back."


def _deleted() -> list[Entry]:
    found = [
        (each.record.id, each.record.spec["name"], each.deleted) for each in management.deleted(shared_state.store())
    ]
    stays = "Runs that started from it stay whole."
    return [
        (
            record,
            f"{schedule_html.text(name)} · deleted {fmt.moment(when)} UTC",
            f"Deleted the network {schedule_html.isolated(name)}. {stays}",
        )
        for record, name, when in found
    ]


BIN = Bin(title="Deleted networks", entries=_deleted, restore=_restored, errors=ERRORS)
