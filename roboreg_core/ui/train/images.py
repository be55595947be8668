"""Which CIFAR-10 images are on this machine, and the rest of them fetched."""

from __future__ import annotations


def show() -> None:
    """Placeholder until fetching is there."""
