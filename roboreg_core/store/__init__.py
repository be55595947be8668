"""Persistent storage of records, jobs, events and artefacts; independent of pruning."""
