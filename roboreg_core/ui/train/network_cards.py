"""A card per dense network: accuracy, origin, training curves and actions."""

from collections.abc import Sequence

import streamlit as st

from roboreg_core.networks import management
from roboreg_core.networks.registry import DenseNetwork, checkpoint_of, command_of
from roboreg_core.ui import access, keys, navigation, panels, schedule_html, shared_state, training_curves_panel
from roboreg_core.ui.deleted_items import DeletedItems, Entry, deleted_by
from roboreg_core.wording import fmt, network_facts

SHOWN = 12
ERRORS = "train-cards"
_BADGES = {
    "shipped": ("example", None, "gray"),
    "trained": ("trained", None, "blue"),
    "uploaded": ("uploaded", None, "violet"),
}


def show(networks: Sequence[DenseNetwork]) -> None:
    """Draw a card per dense network, a few at a time."""
    panels.some_at_a_time(networks, _card, SHOWN, "train-more")
    st.caption("Accuracy in float32 on test images, which are never used for training or selection.")


def use_link(name: str, key: str) -> None:
    """Draw a link that opens Design with the dense network `name`; `key` is the key of its container."""
    with st.container(key=key, width="content"):
        navigation.link("design", "Prune it in Design", {keys.BASELINE_NETWORK: name})


def _card(network: DenseNetwork) -> None:
    place = network.record.id if network.record is not None else network.sha256[:16]
    with st.container(border=True, key=keys.of("network", place)):
        left, right = st.columns([3, 1.4], vertical_alignment="center")
        with left:
            _facts(network)
        with right, st.container(horizontal=True, vertical_alignment="center"):
            use_link(network.name, keys.of("use", place))
            more = st.popover("More", key=keys.of("more", place), on_change="rerun")
            if more.open:  # drawn only when open
                with more:
                    _more(network, place)
        if network.record is not None and network.record.result["history"]:
            _curves(network, place)


def _facts(network: DenseNetwork) -> None:
    note = panels.escape(network_facts.kind_words(network))
    panels.card_heading(fmt.inline_text(network.name), _BADGES[network.origin], note)
    st.markdown(panels.escape(f"Test accuracy {network_facts.accuracy_words(network)}."))
    origin = fmt.sentence_case(network_facts.origin_words(network))
    st.caption(panels.escape(f"{origin} · {network_facts.identity_words(network)}"))
    for note in network.notes:
        st.caption(panels.escape(panels.sentence(fmt.shortened(note, 300))))


def _curves(network: DenseNetwork, place: str) -> None:
    assert network.record is not None
    shown = st.expander(
        "Training curves", icon=":material/show_chart:", key=keys.of("curves", place), on_change="rerun"
    )
    if shown.open:
        with shown:
            training_curves_panel.show(network.record.result["history"], network.record.id)
            st.markdown("**Command to repeat this training**")
            st.code(command_of(network.record), language="bash", wrap_lines=True)


def _more(network: DenseNetwork, place: str) -> None:
    of = keys.of
    panels.download(
        "Download weights (.safetensors)",
        lambda: checkpoint_of(network, shared_state.store()).content,
        network_facts.file_name(network),
        of("download", place),
    )
    if network.record is None:
        st.caption("The example network cannot be renamed or deleted.")
        return
    with st.form(of("edit", place), border=False):
        st.text_input("Name", network.name, key=of("name", place))
        st.form_submit_button(
            "Rename",
            key=of("rename", place),
            on_click=_rename,
            args=(network, place),
            disabled=not access.may_write(),
        )
    panels.action("Delete", of("delete", place), "delete", lambda: _delete(network, place), ERRORS, type="tertiary")


def _rename(network: DenseNetwork, place: str) -> None:
    with panels.errors_kept(ERRORS):
        renamed = management.rename(shared_state.store(), network, st.session_state[keys.of("name", place)])
        if st.session_state.get(keys.BASELINE_NETWORK) == network.name:  # keep it chosen
            st.session_state[keys.BASELINE_NETWORK] = renamed.name
        panels.keep_success(
            ERRORS, f"Renamed to {schedule_html.isolated(renamed.name)}. Finished runs keep the former name."
        )
        st.session_state[keys.of("more", place)] = False


def _delete(network: DenseNetwork, place: str) -> None:
    management.delete(shared_state.store(), network)
    DELETED.remember(place)
    st.session_state[keys.of("more", place)] = False


def _restore(record: str) -> None:
    restored = management.restore(shared_state.store(), record)
    panels.keep_success(ERRORS, f"Restored {schedule_html.isolated(restored.name)}.")


def _deleted() -> list[Entry]:
    found = [
        (each.record.id, each.record.spec["name"], f"{fmt.date_time(each.deleted)} UTC{deleted_by(each.deleted_by)}")
        for each in management.deleted(shared_state.store())
    ]
    note = "Runs that started from it are not affected."
    return [
        (
            record,
            f"{schedule_html.text(name)} · deleted {when}",
            f"Deleted the network {schedule_html.isolated(name)}. {note}",
        )
        for record, name, when in found
    ]


DELETED = DeletedItems(title="Deleted networks", entries=_deleted, restore=_restore, errors=ERRORS)
