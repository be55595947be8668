"""From filters to clusters to a smaller network."""
