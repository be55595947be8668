"""Fixtures shared with the tests of sweeps."""

from tests.sweeps.conftest import dense, small_sets, store

__all__ = ["dense", "small_sets", "store"]
