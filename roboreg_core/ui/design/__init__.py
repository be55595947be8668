"""The Design page's editor: the sketch in the session, its rows, its tools, ticks, and files."""
