"""Measurements behind the figures that the documentation quotes. Each is one command and one run."""
