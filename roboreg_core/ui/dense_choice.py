"""Which dense network pages start from: one choice for a visit, shown where there is more than one network.

The choice stands in the address as `?dense=<name>`. A name that nobody has is said, and the shipped network stands in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from roboreg_core.networks.registry import DenseNetwork
from roboreg_core.ui import keys, panels, shared_state, url_settings
from roboreg_core.ui.url_settings import UrlSetting
from roboreg_core.wording import fmt, network_facts

_PROBLEM = "dense-problem"


def pick(on_change: Callable[[], None] | None = None) -> None:
    """The list of dense networks, where there is more than one; then `state.baseline()` is the chosen one.

    `on_change` is called behind a change, to draw again what depends on it.
    """
    told()
    field(on_change)


def told() -> None:
    """Take the choice from an address that was opened; a name that nobody has is said."""
    known = _known()
    _take_address(known)
    if st.session_state[keys.BASELINE_NETWORK] not in known:  # renamed or deleted meanwhile
        st.session_state[keys.BASELINE_NETWORK] = shared_state.DENSE
    problem = st.session_state.get(_PROBLEM)
    if problem:
        st.warning(panels.escape(problem), icon=":material/help:")


def field(on_change: Callable[[], None] | None = None, width: int | Literal["stretch"] = "stretch") -> None:
    """The list alone, behind `told`."""
    known = _known()
    if len(known) > 1:
        st.selectbox(
            "Dense network",
            list(known),
            key=keys.BASELINE_NETWORK,
            format_func=lambda name: network_facts.choice_words(known[name]) if name in known else name,
            on_change=_chosen,
            args=(on_change,),
            persist_state="session",
            width=width,
            help="What is pruned, and what every figure is set against. Train another or upload one on the Train page.",
        )
    url_settings.follow([_setting(known)])


def _known() -> dict[str, DenseNetwork]:
    return {each.name: each for each in shared_state.networks()}


def query(sha256: str) -> dict[str, str]:
    """What an address needs so that a page starts from the network with these weights; {} where there is no choice."""
    known = shared_state.networks()
    found = [each.name for each in known if each.sha256 == sha256] if len(known) > 1 else []
    return {keys.BASELINE_NETWORK: found[0]} if found else {}


def _setting(known: dict[str, DenseNetwork]) -> UrlSetting:
    return UrlSetting(key=keys.BASELINE_NETWORK, default=shared_state.DENSE, read=url_settings.one_of(*known))


def _take_address(known: dict[str, DenseNetwork]) -> None:
    wanted = url_settings.opened(keys.BASELINE_NETWORK)
    if wanted is not None:
        st.session_state.pop(_PROBLEM, None)
        if wanted not in known:
            there = ", ".join(fmt.contained(name) for name in list(known)[:5])
            st.session_state[_PROBLEM] = (
                f"No dense network is called {fmt.contained(wanted)!r} here; there is {there}. "
                f"Starting from {fmt.contained(shared_state.DENSE)} instead."
            )
            st.session_state[keys.BASELINE_NETWORK] = shared_state.DENSE
    url_settings.restore([_setting(known)])


def _chosen(on_change: Callable[[], None] | None) -> None:
    st.session_state.pop(_PROBLEM, None)
    if on_change is not None:
        on_change()
