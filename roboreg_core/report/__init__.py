"""Reports on one run or several, each a self-contained HTML file."""
