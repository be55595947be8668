"""A run: a network pruned to a schedule, fine-tuned and measured."""
