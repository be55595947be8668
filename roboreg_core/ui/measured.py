"""Figures that are read from a run's logits, kept between reruns: a run or several against a baseline."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from roboreg_core import paths
from roboreg_core.charts import facts
from roboreg_core.runs.compare import Comparison, compare_runs
from roboreg_core.runs.summary import Summary, summary
from roboreg_core.store.records import Record
from roboreg_core.ui import state

# A run's id and when it was made: together they name what never changes.
Made = tuple[str, str]


def summary_of(record: Record) -> Summary:
    """Every figure of a run against its dense network. Raises as `runs.summary.summary`."""
    return _summary(str(paths.home()), str(paths.recorded()), _made(record), record)


def comparison_of(records: Sequence[Record], baseline: Record | None = None) -> Comparison:
    """Runs side by side. Raises as `runs.compare.compare_runs`."""
    runs = tuple(map(_made, records))
    against = None if baseline is None else _made(baseline)
    return _comparison(str(paths.home()), str(paths.recorded()), runs, against, tuple(records), baseline)


def accuracy_change(record: Record) -> facts.Change:
    """A run's final accuracy against its dense network's, with the paired verdict."""
    found = summary_of(record)
    return facts.judged(facts.accuracy(record), facts.accuracy(record, "dense"), found.paired[found.final].verdict)


def worst_class(record: Record) -> tuple[str, facts.Change]:
    """The class with the lowest recall, and that recall against the dense network's, with the paired verdict."""
    found = summary_of(record)
    name = found.worst_class()["name"]
    place = found.classes.index(name)
    now, dense = (facts.report_of(record, stage)["per_class"][place]["recall"] for stage in (found.final, "dense"))
    return name, facts.judged(now, dense, found.paired[found.final].per_class[place].verdict)


def _made(record: Record) -> Made:
    return record.id, record.created


@st.cache_resource(show_spinner=False, max_entries=64)
def _summary(home: str, recorded: str, run: Made, _record: Record) -> Summary:
    del home, recorded, run  # only the key under which the figures are kept
    return summary(_record, state.store())


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
    return compare_runs(_records, state.store(), _baseline)
