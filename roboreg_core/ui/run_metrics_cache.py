"""Figures that are read from a run's logits, kept between reruns: a run or several against a baseline."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from roboreg_core import paths
from roboreg_core.runs.comparison import Comparison, compare_runs
from roboreg_core.runs.filter_groups import BlockFilters, clusters_of
from roboreg_core.runs.summary import Summary, summary
from roboreg_core.store.records import Record
from roboreg_core.ui import shared_state

# A run's id and when it was made: together they name what never changes.
Made = tuple[str, str]


def summary_of(record: Record, other: Record | None = None) -> Summary:
    """Every figure of a run against its dense network or another run; shared by all visitors.

    Raises `StoreError` where logits are missing, `DataError` where the runs saw other images.
    """
    keys = tuple((each.id, each.created) for each in (record, other) if each is not None)
    return _summary(str(paths.home()), str(paths.recorded()), keys, record, other)


def filters_of(record: Record, block: int) -> BlockFilters:
    """What became of the filters of a block, 1..9, in a run; shared by all visitors."""
    return _filters(str(paths.home()), str(paths.recorded()), (record.id, record.created), block, record)


def comparison_of(records: Sequence[Record], baseline: Record | None = None) -> Comparison:
    """Runs side by side. Raises as `runs.compare.compare_runs`."""
    runs = tuple(map(_made, records))
    against = None if baseline is None else _made(baseline)
    return _comparison(str(paths.home()), str(paths.recorded()), runs, against, tuple(records), baseline)


def _made(record: Record) -> Made:
    return record.id, record.created


@st.cache_resource(show_spinner=False, max_entries=128)
def _summary(
    home: str, recorded: str, key: tuple[tuple[str, str], ...], _record: Record, _other: Record | None
) -> Summary:
    del home, recorded, key  # only what the figures are kept under
    return summary(_record, shared_state.store(), _other)


@st.cache_resource(show_spinner=False, max_entries=64)
def _filters(home: str, recorded: str, key: tuple[str, str], block: int, _record: Record) -> BlockFilters:
    del home, recorded, key  # only what they are kept under
    return clusters_of(_record, block, shared_state.store())


@st.cache_resource(show_spinner=False, max_entries=64)
def _comparison(
    home: str,
    recorded: str,
    runs: tuple[Made, ...],
    against: Made | None,
    _records: tuple[Record, ...],
    _baseline: Record | None,
) -> Comparison:
    del home, recorded, runs, against  # only the key under which the figures are kept
    return compare_runs(_records, shared_state.store(), _baseline)
