"""Numbers, labels and findings as text, shared by charts, reports, pages and the command line."""
