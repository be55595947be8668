"""Sends a first visit that opened a page by its address through the app's navigation.

A fresh server does not know the navigation until `app.py` ran once: it then runs the page's file alone, without title,
layout or menu. Each page therefore begins with `enter`.
"""

from __future__ import annotations

from typing import NoReturn

import streamlit as st

from roboreg_core.ui import url_settings

_ENTERED, _WANTED, _PAGE = "guard-entered", "guard-wanted", "guard-page"


def through_navigation() -> None:
    """Called by `app.py` once the navigation is known: goes on to the page that was asked for by its address."""
    st.session_state[_ENTERED] = True
    wanted = st.session_state.pop(_WANTED, None)
    if wanted is not None:
        page, query = wanted
        st.switch_page(page, query_params=query)


def enter(page: str) -> None:
    """Called by the page `pages/<page>.py` first: sends a visit that has not been through `app.py` there."""
    if _ENTERED not in st.session_state:
        query = {name: st.query_params.get_all(name) for name in st.query_params}
        st.session_state[_WANTED] = (f"pages/{page}.py", query)
        st.switch_page("app.py")
    if st.session_state.get(_PAGE) != page:
        st.session_state[_PAGE] = page
        url_settings.new_visit()


def go(page: str, query: dict[str, str] | None = None) -> NoReturn:
    """Open the page `pages/<page>.py`, also from within a fragment, where `st.switch_page` does nothing."""
    st.session_state[_WANTED] = (f"pages/{page}.py", query or {})
    st.rerun()


def page() -> str | None:
    """The page that is open, as `pages/<page>.py`."""
    name: str | None = st.session_state.get(_PAGE)
    return name
