"""Choice of the dense network that pages start from: one per visit, shown if there is more than one network.

The address keeps it as `?dense=<name>`. For an unknown name, a message is shown and the example network is used.
"""

from collections.abc import Callable
from typing import Literal

import streamlit as st

from roboreg_core.architecture import Architecture
from roboreg_core.networks.registry import DenseNetwork
from roboreg_core.ui import keys, panels, shared_state, url_settings
from roboreg_core.ui.url_settings import UrlSetting
from roboreg_core.wording import fmt, network_facts

_PROBLEM = "dense-problem"


def pick(on_change: Callable[[], None] | None = None) -> None:
    """Draw the select box of dense networks, and a message if the address names an unknown one.

    `shared_state.baseline()` then returns the chosen network; `on_change` is called after another one is chosen.
    """
    open_address()
    field(on_change)


def open_address() -> None:
    """Choose the dense network that the address names; for an unknown name, the example network, with a message."""
    take_address()
    problem = st.session_state.get(_PROBLEM)
    if problem:
        st.warning(panels.escape(problem), icon=":material/help:")


def take_address() -> None:
    """Choose the dense network that the address names; for an unknown name, the example network, without a message."""
    networks = _by_name()
    _take_address(networks)
    if st.session_state[keys.BASELINE_NETWORK] not in networks:  # renamed or deleted meanwhile
        st.session_state[keys.BASELINE_NETWORK] = shared_state.DENSE


def field(on_change: Callable[[], None] | None = None, width: int | Literal["stretch"] = "stretch") -> None:
    """Draw the select box of dense networks, if there are several; call `open_address` first.

    `on_change` is called after another network is chosen.
    """
    networks = _by_name()

    def chosen() -> None:
        st.session_state.pop(_PROBLEM, None)
        if on_change is not None:
            on_change()

    if len(networks) > 1:
        st.selectbox(
            "Dense network",
            list(networks),
            key=keys.BASELINE_NETWORK,
            format_func=lambda name: network_facts.choice_words(networks[name]) if name in networks else name,
            on_change=chosen,
            persist_state="session",
            width=width,
            help="The network to prune, and the baseline of all figures. Train or upload one under Dense networks.",
        )
    url_settings.follow([_setting(networks)])


def query_for(architecture: Architecture) -> dict[str, str] | None:
    """Query parameters that choose a dense network of this architecture.

    {} if the chosen one has it; None if none has it.
    """
    if architecture == shared_state.architecture():
        return {}
    found = next((each.name for each in shared_state.networks() if each.architecture == architecture), None)
    return None if found is None else {keys.BASELINE_NETWORK: found}


def query(sha256: str) -> dict[str, str]:
    """Query parameters that choose the dense network whose weights have this SHA-256.

    {} if there is only one network, or none with these weights.
    """
    networks = shared_state.networks()
    found = [each.name for each in networks if each.sha256 == sha256] if len(networks) > 1 else []
    return {keys.BASELINE_NETWORK: found[0]} if found else {}


def _by_name() -> dict[str, DenseNetwork]:
    return {each.name: each for each in shared_state.networks()}


def _setting(networks: dict[str, DenseNetwork]) -> UrlSetting:
    return UrlSetting(key=keys.BASELINE_NETWORK, default=shared_state.DENSE, read=url_settings.one_of(*networks))


def _take_address(networks: dict[str, DenseNetwork]) -> None:
    wanted = url_settings.opened(keys.BASELINE_NETWORK)
    if wanted is not None:
        st.session_state.pop(_PROBLEM, None)
        if wanted not in networks:
            names = ", ".join(fmt.inline_text(name) for name in list(networks)[:5])
            st.session_state[_PROBLEM] = (
                f"No dense network is named {fmt.inline_text(wanted)!r}. Available: {names}. "
                f"Using {fmt.inline_text(shared_state.DENSE)} instead."
            )
            st.session_state[keys.BASELINE_NETWORK] = shared_state.DENSE
    url_settings.restore([_setting(networks)])
