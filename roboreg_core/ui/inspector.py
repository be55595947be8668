"""One run against the dense network: the picker, the finding, its tiles, and what it was made with."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from roboreg_core.charts import facts, settings, words
from roboreg_core.errors import StoreError
from roboreg_core.runs.results import final_stage
from roboreg_core.runs.spec import KIND
from roboreg_core.store.records import Record
from roboreg_core.ui import address, keys, panels, removal, state
from roboreg_core.ui.address import Setting, one_of

ADDRESS = "run"
_CHOSEN = "inspect-run"
STAGE_WORDS = {"dense": "Dense", "pruned": "Pruned", "tuned": "Fine-tuned"}


def pick() -> Record | None:
    """The run that the address names, or the one picked from the list; None where there is none to show."""
    runs = state.runs()
    if not runs:
        st.info(
            "There is no run to inspect yet. Design a schedule and start one: it appears here when it has finished."
        )
        st.page_link("pages/design.py", label="Design a schedule", icon=":material/tune:")
        return None
    chosen = _addressed(runs)
    ids = [record.id for record in runs]
    st.session_state[keys.RUN_PICKER] = chosen.id if chosen else None
    labels = {record.id: _picker_label(record) for record in runs}
    st.selectbox(
        "Run", ids, format_func=labels.__getitem__, key=keys.RUN_PICKER, on_change=_picked, placeholder="Choose a run"
    )
    return chosen


def header(record: Record) -> None:
    """The finding as a sentence, and how sure it is."""
    with st.container(key=keys.FINDING):
        st.markdown(f"### {panels.escape(facts.finding(record))}")
    change = facts.accuracy_change(record)
    sure = "within noise" if change.better is None else f"a real {change.verdict}"
    origin = "Recorded run, ships with the project" if record.recorded else "Own run"
    st.caption(
        f"The change in accuracy, {words.signed_points(change.difference)}, is {sure}: the 95 % margin of two tests on "
        f"{facts.report_of(record, 'dense')['images']:,} images is ±{change.margin * 100:.1f} points. "
        f"{origin} `{panels.escape(record.id)}` · {words.moment(record.created)} UTC."
    )


def tiles(record: Record) -> None:
    """Accuracy, worst class, parameters, MACs: each against the dense network."""
    name, worst = facts.worst_class(record)
    first, second, third, fourth = st.columns(4)
    with first:
        panels.accuracy_tile("Test accuracy", facts.accuracy_change(record))
    with second:
        panels.accuracy_tile(f"Recall of the worst class, {name}", worst)
    with third:
        panels.cost_tile("Parameters", facts.cost_change(record, "parameters"), words.count)
    with fourth:
        panels.cost_tile("FLOPs an image", _flops(record), words.millions, "Two a multiply-accumulate.")
    st.caption(panels.escape(f"Accuracy: {facts.depends_on(record)}. FLOPs are twice the MACs, counted at 32 x 32."))


def stage(record: Record) -> str:
    """The stage that report and confusion matrix show; the address keeps it."""
    stages = facts.stages_of(record)
    setting = Setting(key=keys.STAGE, default=final_stage(record), read=one_of(*stages))
    address.restore([setting])
    if st.session_state[keys.STAGE] not in stages:
        st.session_state[keys.STAGE] = setting.default
    st.segmented_control(
        "Network",
        stages,
        required=True,
        format_func=STAGE_WORDS.__getitem__,
        key=keys.STAGE,
        persist_state="session",
    )
    address.follow([setting])
    chosen: str = st.session_state[keys.STAGE]
    return chosen


def made_with(record: Record) -> None:
    """Every setting and version, and what became of each block's filters."""
    with st.expander("What this run was made with", icon=":material/info:"):
        left, right = st.columns(2)
        rows = settings.settings_of(record)
        table = pd.DataFrame({"setting": list(rows), "value": list(rows.values())})
        left.dataframe(table, hide_index=True, height="content")
        right.dataframe(_blocks(record), hide_index=True, height="content")
        for note in record.result["pruning"]["notes"]:
            right.warning(panels.escape(panels.sentence(note)))
        right.caption("Distinct: different filters before merging. Dead: filters whose channel never changed.")


def _addressed(runs: list[Record]) -> Record | None:
    wanted = address.opened(ADDRESS)
    if wanted is None:
        chosen = state.store().get_record(st.session_state.get(_CHOSEN, "")) or facts.best_run(runs) or runs[0]
    else:
        try:
            chosen = state.find_run(wanted.strip())
        except StoreError:
            _unknown(wanted)
            return None
        if chosen.kind != KIND:
            _unknown(wanted)
            return None
    _choose(chosen.id)
    return chosen


def _choose(run: str) -> None:
    st.session_state[_CHOSEN] = run
    address.write(ADDRESS, run)


def _unknown(wanted: str) -> None:
    if removal.explained(wanted):
        return
    st.error(
        f"No run here has the id {panels.escape(repr(wanted[:60]))}. It may have been made on another machine or "
        "deleted; choose one below.",
        icon=":material/error:",
    )


def _picked() -> None:
    chosen = st.session_state[keys.RUN_PICKER]
    if chosen is not None:
        _choose(chosen)


def _picker_label(record: Record) -> str:
    mark = "recorded" if record.recorded else words.moment(record.created)
    return f"{facts.label(record)} — {words.percent(facts.accuracy(record))} ({mark})"


def _flops(record: Record) -> facts.Change:
    macs = facts.cost_change(record, "macs")
    return facts.counted(2 * macs.value, 2 * macs.dense)


def _blocks(record: Record) -> pd.DataFrame:
    names = {
        "block": "block",
        "before": "filters",
        "asked": "asked",
        "kept": "kept",
        "distinct": "distinct",
        "dead": "dead",
    }
    # None where single weights were pruned.
    return pd.DataFrame(record.result["pruning"]["blocks"], columns=list(names)).rename(columns=names)
