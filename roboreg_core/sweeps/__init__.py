"""Sweeps: many schedules pruned and measured under the same settings."""
