"""Above the tabs of a run: finding, evidence and tiles; below them: its settings."""

import pandas as pd
import streamlit as st

from roboreg_core.runs.summary import Summary
from roboreg_core.store.records import Record
from roboreg_core.ui import keys, panels
from roboreg_core.wording import baseline_changes, fmt, run_facts, run_settings

_BLOCK_COLUMNS = ["block", "before", "asked", "kept", "distinct", "dead"]


def finding(summary: Summary) -> None:
    """Draw the main result of a run against its baseline, the evidence, and a warning if they are not comparable."""
    record = summary.record
    with st.container(key=keys.FINDING):
        st.markdown(f"### {panels.escape(baseline_changes.finding(summary))}")
    origin = "Example run" if record.recorded else "Your run"
    st.caption(
        f"{panels.escape(baseline_changes.evidence(summary))} {origin} `{panels.escape(record.id)}` · "
        f"{fmt.date_time(record.created)} UTC."
    )
    if summary.unlike:
        lines = [f"{fmt.shortened(each.words, 300)} (affects {each.concerns})." for each in summary.unlike]
        items = "".join(f"\n- {panels.escape(line)}" for line in lines)
        st.warning(f"**The runs are not directly comparable.**{items}", icon=":material/warning:")


def tiles(summary: Summary) -> None:
    """Draw tiles for accuracy, parameters, FLOPs and worst-class recall against the baseline."""
    baseline = baseline_changes.short_name(summary)
    name, worst = baseline_changes.worst_class(summary)
    first, second, third, fourth = st.columns(4)
    with first:
        panels.accuracy_tile("Test accuracy", baseline_changes.accuracy(summary), baseline)
    with second:
        panels.cost_tile("Parameters", baseline_changes.counted(summary, "parameters"), fmt.count, baseline=baseline)
    with third:
        flops = baseline_changes.counted(summary, "flops")
        panels.cost_tile("FLOPs per image", flops, fmt.millions, "Two per multiply-accumulate.", baseline)
    with fourth:
        panels.accuracy_tile(f"Worst-class recall ({name})", worst, baseline)
    size = run_facts.schedule_of(summary.record).architecture.image_size
    st.caption(
        panels.escape(
            f"Accuracy: {run_facts.depends_on(summary.record)}. FLOPs: twice the MACs, at {size} × {size} pixels."
        )
    )


def made_with(record: Record) -> None:
    """Draw an expander with the settings and versions of a run, and its filters per block."""
    with st.expander("Settings and versions of this run", icon=":material/info:"):
        left, right = st.columns(2)
        rows = run_settings.settings_of(record)
        table = pd.DataFrame({"setting": list(rows), "value": list(rows.values())})
        left.dataframe(table, hide_index=True, height="content")
        # Without rows if single weights were pruned.
        blocks = pd.DataFrame(record.result["pruning"]["blocks"], columns=_BLOCK_COLUMNS)
        right.dataframe(
            blocks.rename(columns={"before": "filters", "asked": "requested"}), hide_index=True, height="content"
        )
        for note in record.result["pruning"]["notes"]:
            right.warning(panels.escape(panels.sentence(note)))
        right.caption("distinct: different filters before merging; dead: filters with a constant output channel.")
