"""Widgets and state of the pages, with a folder per page. The only part of the package that imports Streamlit."""
