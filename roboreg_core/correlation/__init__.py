"""Correlations between settings, costs and accuracy over measured schedules."""
