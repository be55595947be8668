"""Figures computed from the logits of runs, cached for all visitors."""

from collections.abc import Sequence

import streamlit as st

from roboreg_core import paths
from roboreg_core.runs.comparison import Comparison, compare_runs
from roboreg_core.runs.filter_groups import BlockFilters, clusters_of
from roboreg_core.runs.summary import Summary, summary
from roboreg_core.store.records import Record
from roboreg_core.ui import shared_state

# Home, example runs, then id and time of creation of each run: together they identify its content.
_Key = tuple[str | None, ...]


def summary_of(record: Record, other: Record | None = None) -> Summary:
    """Figures of a run against its dense network, or against another run.

    Raises:
        StoreError: logits are missing.
        DataError: the runs were evaluated on different images.
    """
    return _summary(_key(record, other), record, other)


def filters_of(record: Record, block: int) -> BlockFilters:
    """Kept, merged and dropped filters of a block, 1..9, of a run."""
    return _filters(_key(record), block, record)


def comparison_of(records: Sequence[Record], baseline: Record | None = None) -> Comparison:
    """Runs side by side. Raises as `runs.comparison.compare_runs`."""
    return _comparison(_key(baseline, *records), tuple(records), baseline)


def _key(*records: Record | None) -> _Key:
    ids = (part for each in records for part in ((each.id, each.created) if each else (None,)))
    return (str(paths.home()), str(paths.recorded()), *ids)


@st.cache_resource(show_spinner=False, max_entries=128)
def _summary(key: _Key, _record: Record, _other: Record | None) -> Summary:
    del key
    return summary(_record, shared_state.store(), _other)


@st.cache_resource(show_spinner=False, max_entries=64)
def _filters(key: _Key, block: int, _record: Record) -> BlockFilters:
    del key
    return clusters_of(_record, block, shared_state.store())


@st.cache_resource(show_spinner=False, max_entries=64)
def _comparison(key: _Key, _records: tuple[Record, ...], _baseline: Record | None) -> Comparison:
    del key
    return compare_runs(_records, shared_state.store(), _baseline)
