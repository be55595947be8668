"""Schedules that a person saved: their names, what can be done with them, their file."""
