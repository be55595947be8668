"""Schedules: filters kept per block, editing with locks and undo, saved schedules and their JSON file."""
