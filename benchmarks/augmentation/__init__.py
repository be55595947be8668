"""Augmentation beside its rivals: a picture, throughput, and the share of a training epoch that it takes."""
