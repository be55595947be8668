"""Figures measured by the benchmarks, kept as JSON, and the pages that are written from them."""
