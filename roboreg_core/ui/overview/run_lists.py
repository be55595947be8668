"""All runs, and those that pass the filters, with the figures that Overview shows; cached for all visitors.

Thousands of runs take tenths of a second; a rerun finds them in the cache.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from roboreg_core.charts import tradeoff_scatter
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.records import Record
from roboreg_core.ui import run_filters, run_metrics_cache, shared_state
from roboreg_core.wording import fmt, run_facts, run_filter
from roboreg_core.wording.run_filter import RunFilter


@dataclass(frozen=True, kw_only=True, eq=False)
class AllRuns:
    """Best run, best accuracies, and values to filter by, over all runs.

    Attributes:
        best: see `run_facts.best_run`; None if no run is pruned.
        methods: their methods, sorted.
        presets: names of their presets and `other`, sorted.
        architectures: names of their architectures, sorted.
        data: ids of their data sets, sorted.
        accuracies: final test accuracy, 0..1, of the most accurate run of each schedule.
    """

    best: Record | None
    methods: list[str]
    presets: list[str]
    architectures: list[str]
    data: list[str]
    accuracies: Mapping[Schedule, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class ShownRuns:
    """Runs that pass the filters.

    Attributes:
        records: the runs, newest first.
        key: digest of their ids, for the widget key of the table.
        points: data of the chart, see `tradeoff_scatter.tradeoff_data`.
        rows: data of the table, one row per run in the order of `records`.
    """

    records: list[Record]
    key: str
    points: pd.DataFrame
    rows: pd.DataFrame


def all_runs() -> AllRuns:
    """Facts about all runs of the store and the example runs, from the cache unless the runs have changed."""
    return _all(shared_state.runs_key())


def shown_runs(conditions: RunFilter) -> ShownRuns:
    """Runs that meet `conditions`, with data of their chart and table, from the cache unless the runs have changed."""
    names = run_filters.saved_names() if conditions.text.strip() else {}
    key = (shared_state.runs_key(), repr(conditions), *(f"{schedule} {named}" for schedule, named in names.items()))
    return _shown(key, conditions, names)


@st.cache_resource(show_spinner=False, max_entries=4)
def _all(key: str) -> AllRuns:
    del key
    runs = shared_state.runs()
    accuracies: dict[Schedule, float] = {}
    for record in runs:
        schedule = run_facts.schedule_of(record)
        accuracies[schedule] = max(run_facts.accuracy(record), accuracies.get(schedule, 0.0))
    return AllRuns(
        best=run_facts.best_run(runs),
        methods=sorted({str(record.spec["method"]) for record in runs}),
        presets=sorted({schedule.name or run_filter.OTHER for schedule in accuracies}),
        architectures=list(
            dict.fromkeys(each.name for each in sorted({schedule.architecture for schedule in accuracies}))
        ),
        data=sorted({run_filter.data_of(record.spec["training_set"]) for record in runs}),
        accuracies=accuracies,
    )


@st.cache_resource(show_spinner=False, max_entries=16)
def _shown(key: tuple[str, ...], _conditions: RunFilter, _names: Mapping[Schedule, Sequence[str]]) -> ShownRuns:
    del key
    records = run_filter.chosen(shared_state.runs(), _conditions, names=_names)
    points = tradeoff_scatter.tradeoff_data(records, styles=run_metrics_cache.styles())
    labels = dict(zip(points["run"], points["label"], strict=True))
    return ShownRuns(
        records=records,
        key=hashlib.sha256(" ".join(record.id for record in records).encode()).hexdigest()[:12],
        points=points,
        rows=pd.DataFrame(_row(record, labels[record.id]) for record in records),
    )


def _row(record: Record, label: str) -> dict[str, object]:
    accuracy = {stage: run_facts.accuracy(record, stage) for stage in run_facts.stages_of(record)}
    counted = record.result["cost"]
    return {
        "run": label,
        "dense": accuracy["dense"],
        "pruned": accuracy["pruned"],
        "fine-tuned": accuracy.get("tuned"),
        "parameters": counted["parameters"],
        "of dense": counted["parameters"] / record.result["dense_cost"]["parameters"],
        "MACs": counted["macs"],
        "origin": run_facts.origin_words(record),
        "created (UTC)": fmt.date_time(record.created),
    }
