"""What the pages are made of: state, controls, panels, guard. The only part of the package that imports Streamlit."""
