"""Choice of the inspected run and its baseline; the address keeps both."""

from collections.abc import Callable

import streamlit as st

from roboreg_core.errors import StoreError
from roboreg_core.paths import SHIPPED
from roboreg_core.runs.summary import DENSE
from roboreg_core.store.records import Record
from roboreg_core.ui import keys, navigation, run_deletion, shared_state, url_settings
from roboreg_core.wording import fmt, run_facts

RUN, BASELINE = "run", "baseline"
_CHOSEN = {RUN: "inspect-run", BASELINE: "inspect-baseline"}


def pick() -> tuple[Record, Record | None] | None:
    """Draw the lists of runs and baselines; return the selected run and baseline.

    The baseline is None for the run's dense network. Without a run, None is returned instead of the pair.
    """
    runs = shared_state.runs()
    if not runs:
        st.info("No runs to inspect yet. Design a schedule and start a run: it appears here when finished.")
        navigation.link("design", "Design a schedule")
        return None
    chosen = _addressed_run(runs)
    other = _addressed_baseline(chosen) if chosen is not None else None
    labels = dict(_labels(shared_state.runs_key()))
    left, right = st.columns(2)
    with left:
        _picker("Run", RUN, keys.RUN_PICKER, [*labels], labels.__getitem__, chosen.id if chosen else None)
    with right:
        names = [DENSE, *(run for run in labels if chosen is None or run != chosen.id)]
        dense = run_facts.dense_name(chosen.spec) if chosen is not None else SHIPPED
        labels[DENSE] = "Its dense network" + (f", {dense}" if dense != SHIPPED else "")
        current = other.id if other else DENSE
        _picker("Baseline", BASELINE, keys.BASELINE_PICKER, names, labels.__getitem__, current)
    return None if chosen is None else (chosen, other)


def _picker(
    label: str, name: str, key: str, options: list[str], words_of: Callable[[str], str], current: str | None
) -> None:
    st.session_state[key] = current
    st.selectbox(
        label,
        options,
        format_func=words_of,
        key=key,
        on_change=_picked,
        args=(name, key),
        placeholder="Choose a run",
    )


def _picked(name: str, key: str) -> None:
    if st.session_state[key] is not None:
        _choose(name, st.session_state[key])


def _addressed_run(runs: list[Record]) -> Record | None:
    wanted = url_settings.opened(RUN)
    if wanted is None:
        last = next((record for record in runs if record.id == st.session_state.get(_CHOSEN[RUN])), None)
        chosen = shared_state.find_run((last or run_facts.best_run(runs) or runs[0]).id)
    else:
        found = _found(wanted)
        if found is None:
            return None
        chosen = found
    _choose(RUN, chosen.id)
    return chosen


def _addressed_baseline(chosen: Record) -> Record | None:
    wanted = url_settings.opened(BASELINE) or st.session_state.get(_CHOSEN[BASELINE], DENSE)
    other = None
    if wanted.strip() != DENSE:
        other = _found(wanted)
        if other is None:
            return None
    if other is not None and other.id == chosen.id:
        other = None
    _choose(BASELINE, other.id if other else DENSE)
    return other


def _found(wanted: str) -> Record | None:
    try:
        return shared_state.find_run(wanted.strip())
    except StoreError:
        run_deletion.explain_missing(wanted, "Choose one below.")
        return None


def _choose(name: str, run: str) -> None:
    st.session_state[_CHOSEN[name]] = run
    url_settings.write(name, None if (name, run) == (BASELINE, DENSE) else run)


@st.cache_resource(show_spinner=False, max_entries=4)
def _labels(key: str) -> dict[str, str]:
    """Id -> label of a run."""
    del key
    return {record.id: _picker_label(record) for record in shared_state.runs()}


def _picker_label(record: Record) -> str:
    mark = "example" if record.recorded else fmt.date_time(record.created)
    return f"{run_facts.label(record)} — {fmt.percent(run_facts.accuracy(record))} ({mark})"
