"""Comparison of all pruning methods with Torch-Pruning: measuring points, and docs/results.md from them."""
