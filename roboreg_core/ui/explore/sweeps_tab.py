"""Sweeps: those that there are, how far each is and what may be done with it; and the fields that define another."""

from __future__ import annotations

from roboreg_core.ui.explore import define


def show() -> None:
    """The tab."""
    define.show()
