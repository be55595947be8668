"""Runs: a dense network pruned to a schedule, fine-tuned and evaluated."""
