"""Charts: `<name>_data(...)` makes a frame, `<name>_chart(frame)` draws it. No Streamlit here."""
