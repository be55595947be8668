"""RoboReg's dashboard: `streamlit run app.py`. Page settings and navigation; the pages are in `pages/`."""

from pathlib import Path

import streamlit as st

from roboreg_core.ui import navigation, shared_state, streamlit_timers

ICON = Path(__file__).parent / "docs" / "images" / "icon.png"


def main() -> None:
    """Show the page that the address names."""
    streamlit_timers.mend()
    # A picture of our own: the browser would fetch a Material icon, or an emoji, from another server.
    st.set_page_config(page_title="RoboReg", page_icon=str(ICON), layout="wide")
    page = st.navigation(
        [
            st.Page("pages/overview.py", title="Overview", icon=":material/insights:", default=True),
            st.Page("pages/design.py", title="Design", icon=":material/tune:"),
            st.Page("pages/schedules.py", title="Schedules", icon=":material/bookmarks:"),
            st.Page("pages/jobs.py", title="Jobs", icon=":material/monitoring:"),
            st.Page("pages/inspect.py", title="Inspect", icon=":material/query_stats:"),
            st.Page("pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
            st.Page("pages/explore.py", title="Explore", icon=":material/explore:"),
            st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
        ],
        position="top",
    )
    navigation.through_navigation()
    page.run()
    shared_state.machinery()
    streamlit_timers.forget_left_page()


# The job engine's worker processes import this file: only a visitor's script may run it.
if __name__ == "__main__":
    main()
