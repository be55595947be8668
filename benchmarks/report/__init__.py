"""Measurements of the benchmarks as JSON, and the documents generated from them."""
