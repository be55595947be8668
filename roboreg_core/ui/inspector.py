"""The tiles of a run for pages that show no more of it."""

from __future__ import annotations

from roboreg_core.store.records import Record
from roboreg_core.ui import state
from roboreg_core.ui.inspect import header


def tiles(record: Record) -> None:
    """Accuracy, worst class, parameters, FLOPs: each against the dense network."""
    header.tiles(state.summary_of(record))
