"""The Design page's editor: the edited schedule in the session, its rows, its tools, ticks, and files."""
