"""The app's pages, links between them, and the redirect of a first visit through `app.py`.

A fresh server learns the navigation only when `app.py` runs: a visit that opens another address first runs that page's
file alone, without title, layout or menu. Each page therefore begins with `enter`.
"""

from typing import Any, NoReturn

import streamlit as st

from roboreg_core.ui import url_settings

# File in pages/ -> name in the menu, icon.
PAGES = {
    "overview": ("Overview", ":material/insights:"),
    "design": ("Design", ":material/tune:"),
    "schedules": ("Schedules", ":material/bookmarks:"),
    "jobs": ("Jobs", ":material/monitoring:"),
    "inspect": ("Inspect", ":material/query_stats:"),
    "compare": ("Compare", ":material/compare_arrows:"),
    "explore": ("Explore", ":material/explore:"),
    "train": ("Dense networks", ":material/model_training:"),
}
_ENTERED, _WANTED, _PAGE = "guard-entered", "guard-wanted", "guard-page"


def open_requested_page() -> None:
    """Switch to the page that `enter` or `go` requested; `app.py` calls it after registering the pages."""
    st.session_state[_ENTERED] = True
    wanted = st.session_state.pop(_WANTED, None)
    if wanted is not None:
        page, query = wanted
        st.switch_page(page, query_params=query)


def enter(page: str) -> None:
    """First call of every `pages/<page>.py`: redirect a visit that has not run `app.py` yet."""
    if _ENTERED not in st.session_state:
        query = {name: st.query_params.get_all(name) for name in st.query_params}
        st.session_state[_WANTED] = (f"pages/{page}.py", query)
        st.switch_page("app.py")
    if st.session_state.get(_PAGE) != page:
        st.session_state[_PAGE] = page
        url_settings.new_visit()


def go(page: str, query: dict[str, str] | None = None) -> NoReturn:
    """Open a page, a key of `PAGES`, with the query parameters `query`.

    Works in a fragment, too, where `st.switch_page` fails.
    """
    st.session_state[_WANTED] = (f"pages/{page}.py", query or {})
    st.rerun()


def link(page: str, label: str, query: dict[str, str] | None = None) -> None:
    """Draw a link to a page, a key of `PAGES`, with its icon and the query parameters `query`."""
    st.page_link(f"pages/{page}.py", label=label, icon=PAGES[page][1], query_params=query)


def button(label: str, key: str, page: str, query: dict[str, str] | None = None, **options: Any) -> None:
    """Draw a button that opens a page, a key of `PAGES`, with the query parameters `query`.

    `options` are passed to `st.button`.
    """
    if st.button(label, key=key, icon=PAGES[page][1], **options):
        go(page, query)


def page() -> str:
    """Name of the open page, a key of `PAGES`."""
    name: str = st.session_state[_PAGE]
    return name
