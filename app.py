"""RoboReg's dashboard: `streamlit run app.py`. Page settings and navigation; the pages are in `pages/`."""

from contextlib import suppress
from pathlib import Path

import streamlit as st

from roboreg_core.errors import RoboRegError
from roboreg_core.ui import navigation, shared_state, streamlit_timers

ICON = Path(__file__).parent / "docs" / "images" / "icon.png"


def main() -> None:
    """Show the page of the address."""
    streamlit_timers.patch_timer_clicks()
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
    page.run()
    with suppress(RoboRegError):  # shown by the page
        shared_state.backend()
    streamlit_timers.drop_requests_of_left_page()


# The job engine's worker processes import this file: only Streamlit's script run may start the app.
if __name__ == "__main__":
    main()
