"""Figures computed from the logits of runs, cached for all visitors."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from roboreg_core import paths
from roboreg_core.charts import palette
from roboreg_core.runs.comparison import Comparison, compare_runs
from roboreg_core.runs.filter_groups import BlockFilters, clusters_of
from roboreg_core.runs.summary import Summary, summary
from roboreg_core.store.records import Record
from roboreg_core.ui import shared_state

# Home, example runs, then id and time of creation of each run: together they identify its content.
_Key = tuple[str | None, ...]


def summary_of(record: Record, other: Record | None = None) -> Summary:
    """Summary of a run against its dense network (`other` None) or the run `other`; cached.

    Raises `StoreError`: logits are missing; `DataError`: the runs were evaluated on different images.
    """
    return _cached("summary", _key(record, other), lambda: summary(record, shared_state.store(), other))


def filters_of(record: Record, block: int) -> BlockFilters:
    """Filters of a block, numbered from 1, of a run: kept, merged or dropped, with their correlations; cached."""
    return _cached(f"filters {block}", _key(record), lambda: clusters_of(record, block, shared_state.store()))


def comparison_of(records: Sequence[Record], baseline: Record | None = None) -> Comparison:
    """Comparison of 2 to 16 runs with the run `baseline` (None: their dense networks); cached.

    Raises `SpecError`: wrong number of runs, or duplicates; `StoreError`: no logits; `DataError`: images differ.
    """
    key = _key(baseline, *records)
    return _cached("comparison", key, lambda: compare_runs(records, shared_state.store(), baseline))


def styles() -> dict[str, palette.Style]:
    """Colour and marker of each run by its id."""
    return _cached("styles", (shared_state.runs_key(),), lambda: palette.styles(shared_state.runs()))


def _key(*records: Record | None) -> _Key:
    ids = (part for each in records for part in ((each.id, each.created) if each else (None,)))
    return (str(paths.home()), str(paths.recorded()), *ids)


@st.cache_resource(show_spinner=False, max_entries=256)
def _cached(name: str, key: _Key, _compute: Callable[[], Any]) -> Any:
    """Result of `_compute`, kept under `name` and `key`."""
    del name, key
    return _compute()
