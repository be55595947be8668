"""Reports: one HTML file that holds a run, or several beside each other, and needs nothing else to be read."""
