"""Structured pruning: filter selection, merging and least-squares reconstruction."""
