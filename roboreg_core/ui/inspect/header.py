"""What is found about a run, before any tab: a sentence, its evidence, four tiles; and what the run was made with."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from roboreg_core.runs.summary import Summary
from roboreg_core.store.records import Record
from roboreg_core.ui import keys, panels
from roboreg_core.wording import baseline_changes, fmt, run_facts, run_settings

_BLOCK_COLUMNS = ["block", "before", "asked", "kept", "distinct", "dead"]


def finding(summary: Summary) -> None:
    """The finding as a sentence, how sure it is, and what makes the two runs unlike."""
    record = summary.record
    with st.container(key=keys.FINDING):
        st.markdown(f"### {panels.escape(baseline_changes.finding(summary))}")
    origin = "Recorded run, ships with the project" if record.recorded else "Own run"
    st.caption(
        f"{panels.escape(baseline_changes.evidence(summary))} {origin} `{panels.escape(record.id)}` · "
        f"{fmt.moment(record.created)} UTC."
    )
    if summary.unlike:
        lines = [f"{fmt.shortened(each.words, 300)} (concerns {each.concerns})." for each in summary.unlike]
        told = "".join(f"\n- {panels.escape(line)}" for line in lines)
        st.warning(f"**Not like for like: part of a change may come from this.**{told}", icon=":material/warning:")


def tiles(summary: Summary) -> None:
    """Accuracy, parameters, FLOPs, worst class: each against the baseline."""
    baseline = baseline_changes.short_name(summary)
    name, worst = baseline_changes.worst_class(summary)
    first, second, third, fourth = st.columns(4)
    with first:
        panels.accuracy_tile("Test accuracy", baseline_changes.accuracy(summary), baseline)
    with second:
        panels.cost_tile("Parameters", baseline_changes.counted(summary, "parameters"), fmt.count, baseline=baseline)
    with third:
        flops = baseline_changes.counted(summary, "flops")
        panels.cost_tile("FLOPs an image", flops, fmt.millions, "Two a multiply-accumulate.", baseline)
    with fourth:
        panels.accuracy_tile(f"Recall of the worst class, {name}", worst, baseline)
    st.caption(
        panels.escape(
            f"Accuracy: {run_facts.depends_on(summary.record)}. FLOPs are twice the MACs, counted at 32 x 32."
        )
    )


def made_with(record: Record) -> None:
    """Every setting and version, and what became of each block's filters."""
    with st.expander("What this run was made with", icon=":material/info:"):
        left, right = st.columns(2)
        rows = run_settings.settings_of(record)
        table = pd.DataFrame({"setting": list(rows), "value": list(rows.values())})
        left.dataframe(table, hide_index=True, height="content")
        # None where single weights were pruned.
        blocks = pd.DataFrame(record.result["pruning"]["blocks"], columns=_BLOCK_COLUMNS)
        right.dataframe(blocks.rename(columns={"before": "filters"}), hide_index=True, height="content")
        for note in record.result["pruning"]["notes"]:
            right.warning(panels.escape(panels.sentence(note)))
        right.caption("Distinct: different filters before merging. Dead: filters whose channel never changed.")
