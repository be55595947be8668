"""RoboReg's dashboard: `streamlit run app.py`. Page settings and navigation; the pages are in `pages/`."""

import sys
from contextlib import suppress
from pathlib import Path

import streamlit as st

from roboreg_core.errors import RoboRegError, SpecError
from roboreg_core.ui import access, allowed_hosts, upload_gate

ICON = Path(__file__).parent / "docs" / "images" / "icon.png"


def main() -> None:
    """Show the page of the address."""
    # Not imported when the server imports this file: it takes a second, and Streamlit's caches need the running server.
    from roboreg_core.ui import navigation, shared_state, sign_in, streamlit_workarounds

    streamlit_workarounds.patch()
    # A local picture: a Material icon or emoji would be fetched from another server.
    st.set_page_config(page_title="RoboReg", page_icon=str(ICON), layout="wide")
    page = st.navigation(
        [
            st.Page(f"pages/{name}.py", title=title, icon=icon, default=name == "overview")
            for name, (title, icon) in navigation.PAGES.items()
        ],
        position="top",
    )
    navigation.open_requested_page()
    sign_in.line()
    page.run()
    with suppress(RoboRegError):  # shown by the page
        shared_state.backend()
    streamlit_workarounds.drop_requests_of_left_page()


# Streamlit runs this file as a script for every visit, and its server imports it once as a module. The job engine's
# worker processes import it, too, under a third name.
if __name__ == "__main__":
    main()
elif __name__ == "app":
    access.warn_if_open()
    try:
        app = st.App(__file__, middleware=[allowed_hosts.middleware(), upload_gate.middleware()])
    except SpecError as error:
        sys.exit(f"error: {error}")
