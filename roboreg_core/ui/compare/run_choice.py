"""Choice of the compared runs and their baseline: from the address, from Overview, or on the page."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from roboreg_core.charts import tradeoff_scatter
from roboreg_core.errors import StoreError
from roboreg_core.runs.comparison import FEWEST, MOST
from roboreg_core.runs.spec import KIND
from roboreg_core.runs.summary import DENSE
from roboreg_core.store.records import Record
from roboreg_core.ui import keys, run_deletion, run_metrics_cache, shared_state, url_settings
from roboreg_core.wording import fmt, run_facts

RUNS, BASELINE = "runs", "baseline"
_WANTED, _AGAINST = "compare-wanted", "compare-against"


@dataclass(frozen=True, kw_only=True)
class ComparedSelection:
    """Compared runs and baseline.

    Attributes:
        records: the runs, in the order they were chosen.
        baseline: run that they are compared with; None for each run's dense network.
        missing: requested texts, e.g. from the address, that are not the id of an existing run.
        dropped: number of requested runs beyond the limit of `MOST`.
    """

    records: tuple[Record, ...]
    baseline: Record | None
    missing: tuple[str, ...]
    dropped: int


def choice() -> ComparedSelection:
    """Return the runs and baseline of a newly opened page address, else those selected last in this session."""
    _open_address()
    wanted: list[str] = st.session_state.setdefault(_WANTED, [])
    found = {text: _find(text) for text in wanted}
    by_id = {record.id: record for record in found.values() if record is not None}
    against = st.session_state.setdefault(_AGAINST, DENSE)
    baseline = None if against == DENSE else _find(against)
    missing = [_full_id(text) for text, record in found.items() if record is None]
    if against != DENSE and baseline is None:
        missing.append(_full_id(against))
    records = tuple(by_id.values())
    return ComparedSelection(
        records=records[:MOST],
        baseline=baseline,
        missing=tuple(dict.fromkeys(missing)),
        dropped=max(0, len(records) - MOST),
    )


def write_address() -> None:
    """Write the selected runs and baseline into the query parameters `runs` and `baseline` of the page's address."""
    wanted, against = st.session_state[_WANTED], st.session_state[_AGAINST]
    url_settings.write(RUNS, ",".join(wanted) or None)
    url_settings.write(BASELINE, None if against == DENSE else against)


def notices(chosen: ComparedSelection) -> None:
    """Draw a notice for each requested run that does not exist, and one for runs beyond the limit of `MOST`."""
    for text in chosen.missing[:MOST]:
        run_deletion.explain_missing(text, "The others are shown.")
    if chosen.dropped:
        st.warning(f"At most {MOST} runs can be compared; {fmt.plural(chosen.dropped, 'run')} omitted.")


def widgets(chosen: ComparedSelection) -> None:
    """Draw the fields for runs and baseline, set to `chosen`; their callbacks store a new selection in the session."""
    labels = _names(shared_state.runs_key())
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    st.session_state[keys.COMPARE_RUNS] = [record.id for record in chosen.records]
    left.multiselect(
        f"Runs, {FEWEST} to {MOST}",
        list(labels),
        format_func=lambda run: labels.get(run, run),
        key=keys.COMPARE_RUNS,
        max_selections=MOST,
        placeholder="Choose runs",
        on_change=_picked,
    )
    others = [record for record in chosen.records if chosen.baseline is None or record.id != chosen.baseline.id]
    against = [DENSE, *(record.id for record in ([chosen.baseline] if chosen.baseline else []) + others)]
    st.session_state[keys.COMPARE_BASELINE] = DENSE if chosen.baseline is None else chosen.baseline.id
    right.selectbox(
        "Baseline",
        against,
        format_func=lambda run: "Dense network" if run == DENSE else labels.get(run, run),
        key=keys.COMPARE_BASELINE,
        on_change=_rebased,
    )


def starters() -> None:
    """Draw a button per group of runs (Pareto-optimal, examples, newest) that selects the group for comparison."""
    runs = shared_state.runs()
    groups = {
        "front": ("Pareto-optimal runs", _on_front(shared_state.runs_key())),
        "recorded": ("Example runs", [record.id for record in runs if record.recorded]),
        "newest": ("Newest four", [record.id for record in runs[:4]]),
    }
    with st.container(horizontal=True, key="controls-starters"):
        for name, (label, ids) in groups.items():
            if len(ids) >= FEWEST:
                st.button(label, key=keys.of("compare-start", name), on_click=_choose, args=(ids[:MOST],))


def _choose(ids: Sequence[str]) -> None:
    st.session_state[_WANTED], st.session_state[_AGAINST] = list(ids), DENSE


@st.cache_resource(show_spinner=False, max_entries=4)
def _names(key: str) -> dict[str, str]:
    """Id -> unique label of a run."""
    del key
    return {
        record.id: f"{run_facts.label(record)} — {fmt.percent(run_facts.accuracy(record))} · {record.id[:8]}"
        for record in shared_state.runs()
    }


def _open_address() -> None:
    runs, against = url_settings.opened(RUNS), url_settings.opened(BASELINE)
    if runs is not None:
        parts = [part.strip() for part in runs.split(",")]
        st.session_state[_WANTED] = list(dict.fromkeys(part for part in parts if part))[: 4 * MOST]
        st.session_state[_AGAINST] = DENSE
    if against is not None:
        st.session_state[_AGAINST] = against.strip() or DENSE


def _find(text: str) -> Record | None:
    try:
        return shared_state.find_run(text)
    except StoreError:
        return None


def _full_id(text: str) -> str:
    """Complete id of a deleted run, so that one run gives one notice; other text as it is."""
    found = shared_state.store().list_deleted(KIND, text, ())
    return found[0].record.id if found else text


@st.cache_resource(show_spinner=False, max_entries=4)
def _on_front(key: str) -> list[str]:
    del key
    frame = tradeoff_scatter.tradeoff_data(shared_state.runs(), styles=run_metrics_cache.styles())
    return list(dict.fromkeys(frame.loc[frame["front"], "run"]))


def _picked() -> None:
    st.session_state[_WANTED] = list(st.session_state[keys.COMPARE_RUNS])
    if st.session_state[_AGAINST] != DENSE and _find(st.session_state[_AGAINST]) is None:
        st.session_state[_AGAINST] = DENSE  # its absence was reported already


def _rebased() -> None:
    st.session_state[_AGAINST] = st.session_state[keys.COMPARE_BASELINE]
