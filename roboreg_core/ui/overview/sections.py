"""The overview: the best run in one sentence, the presets, all runs as a chart and as a table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from roboreg_core.charts import palette, tradeoff_scatter
from roboreg_core.models.costs import DENSE_COST, cost
from roboreg_core.runs.comparison import FEWEST, MOST
from roboreg_core.schedules.schedule import PRESETS
from roboreg_core.store.records import Record
from roboreg_core.ui import keys, navigation, panels, run_filters, run_metrics_cache, schedule_html
from roboreg_core.ui.compare import metrics_table, run_choice
from roboreg_core.ui.compare.sections import picked
from roboreg_core.ui.inspect import header
from roboreg_core.wording import baseline_changes, fmt, run_facts, run_filter

# The source project's three schedules and the network that all start from.
SHOWN_PRESETS = {
    "dense": "Every filter: the network that all runs start from.",
    "minimal": "The source project's mildest: one filter fewer a block.",
    "moderate": "The source project's middle: half the filters.",
    "aggressive": "The source project's harshest: two filters a block.",
}


def empty() -> None:
    """What to do where there is no run at all."""
    st.info(
        "There is no run yet. RoboReg merges similar filters of a trained ResNet-20, so that the network gets smaller, "
        "and measures what that costs on CIFAR-10."
    )
    st.markdown(
        "1. **Design**: choose how many filters each of the nine blocks keeps, and see at once what that saves.\n"
        "2. **Start**: one button prunes, fine-tunes and measures; it takes a few minutes on two processor cores.\n"
        "3. **Inspect**: accuracy, classes, confusion matrix, cost and files of the finished run."
    )
    st.page_link("pages/design.py", label="Design a schedule", icon=":material/tune:")


def best(runs: Sequence[Record]) -> None:
    """The best run: its finding, its tiles, the way to it."""
    record = run_facts.best_run(runs)
    if record is None:
        st.info("No pruned run yet, only dense ones. Lower a block on the Design page.")
        return
    summary = run_metrics_cache.summary_of(record)
    with st.container(key=keys.BEST):
        st.markdown(f"### {panels.escape(baseline_changes.finding(summary))}")
        st.caption(panels.escape(f"The best run so far is {run_facts.label(record)}: {run_facts.best_reason(record)}."))
        header.tiles(summary)
        with st.container(horizontal=True):
            st.page_link(
                "pages/inspect.py",
                label="Inspect this run",
                icon=":material/query_stats:",
                query_params={"run": record.id},
            )
            st.page_link("pages/design.py", label="Design another", icon=":material/tune:")


def presets(runs: Sequence[Record]) -> None:
    """Four schedules to begin with, each with its best run where there is one."""
    with st.container(key=f"controls-{keys.PRESETS}"):
        st.subheader("Schedules to begin with")
        for column, (name, meaning) in zip(st.columns(len(SHOWN_PRESETS)), SHOWN_PRESETS.items(), strict=True):
            with column:
                _preset(name, meaning, [each for each in runs if run_filter.preset_of(each) == name])


def scatter(runs: Sequence[Record], shown: Sequence[Record]) -> list[str]:
    """The trade-off of the runs shown; a click on a point opens its run, clicks with the shift key are returned."""
    styles = palette.styles(runs)
    if len(shown) <= MOST:  # beyond that a legend is longer than the chart; a point tells its name when pointed at
        metrics_table.legend(shown, styles)
    frame = tradeoff_scatter.tradeoff_data(shown, styles=styles)
    state = panels.show(
        panels.Panel(
            name=keys.TRADEOFF,
            title=tradeoff_scatter.tradeoff_title(frame),
            chart=tradeoff_scatter.tradeoff_chart,
            frame=frame,
            alt_text=tradeoff_scatter.tradeoff_alt(frame),
            table=frame.drop(columns=["colour", "marker"]),
            on_select="rerun",
            depends="A colour and marker a run. Hollow: recorded, ships with the project; filled: your own; small "
            "dots: before fine-tuning. Dashed: the dense network; dotted: the front that no smaller network beats. "
            "10,000 test images, one seed a run. Click a point to inspect its run, several with the shift key to "
            "compare them.",
        )
    )
    clicked = picked(state, tradeoff_scatter.SELECTION)
    if clicked:
        navigation.go("inspect", {"run": clicked[0]})
    return picked(state, tradeoff_scatter.SEVERAL)


def table(shown: Sequence[Record]) -> list[str]:
    """The runs shown; returns those whose rows are ticked."""
    # Ticks are places in the table: another list of runs begins without any.
    digest = hashlib.sha256(" ".join(record.id for record in shown).encode()).hexdigest()[:12]
    with st.container(key=keys.RUNS_TABLE):
        state = st.dataframe(
            _frame(tuple((record.id, record.created) for record in shown), shown),
            key=f"rows-{digest}",
            hide_index=True,
            on_select="rerun",
            selection_mode="multi-row",
            height="content" if len(shown) < 12 else 420,
            column_config={
                name: st.column_config.NumberColumn(format="percent")
                for name in ("dense", "pruned", "fine-tuned", "of dense")
            }
            | {name: st.column_config.NumberColumn(format="localized") for name in ("parameters", "MACs")},
            alt="The runs with their accuracy and cost",
        )
    return [shown[row].id for row in state["selection"]["rows"] if row < len(shown)]


def all_runs(runs: Sequence[Record]) -> None:
    """Filters, and what they show as a chart and a table, with what to do with the runs that are picked there."""
    st.subheader(f"All {fmt.plural(len(runs), 'run')}" if len(runs) > 1 else "One run")
    shown = run_filter.chosen(runs, run_filters.overview(runs), names=run_filters.saved_names())
    if not shown:
        st.info(f"None of {fmt.plural(len(runs), 'run')} meets these filters.")
        st.button(
            "Clear the filters", key=keys.CLEAR_FILTERS, icon=":material/filter_alt_off:", on_click=run_filters.clear
        )
        return
    if len(shown) < len(runs):
        st.caption(f"The filters show {len(shown):,} of {fmt.plural(len(runs), 'run')}, in the chart and the table.")
    clicked = scatter(runs, shown)
    bar = st.container(key=f"controls-{keys.PICKED}")
    ticked = table(shown)
    known = {record.id: record for record in shown}
    with bar:
        _picked([known[run] for run in dict.fromkeys([*clicked, *ticked]) if run in known])
    with st.container(key="controls-ticks"):
        st.caption("Accuracy on 10,000 test images. Tick rows to compare their runs, or one to inspect it.")


def _preset(name: str, meaning: str, runs: Sequence[Record]) -> None:
    schedule = PRESETS[name]
    share = fmt.percent(cost(schedule).parameters / DENSE_COST.parameters)
    most = max(runs, key=run_facts.accuracy, default=None)
    reached = f"best run {fmt.percent(run_facts.accuracy(most))}" if most else "not run yet"
    told = f"{share} of the parameters" + ("" if schedule.is_dense else f"; {reached}")
    st.markdown(f"**{name.capitalize()}**")
    st.html(f'<div style="overflow-x:auto">{schedule_html.strip(schedule)}</div>')
    st.caption(panels.escape(f"{meaning} {told}."))
    st.page_link("pages/design.py", label=f"Design from {name}", icon=":material/tune:", query_params={"s": name})


def _picked(records: Sequence[Record]) -> None:
    """What can be done with the runs that are picked, named."""
    if not records:
        return
    named = ", ".join(run_facts.label(record) for record in records[:4])
    more = f" and {len(records) - 4} more" if len(records) > 4 else ""
    with st.container(horizontal=True, vertical_alignment="center", key=keys.PICKED):
        st.markdown(panels.escape(f"{fmt.plural(len(records), 'run')} picked: {named}{more}."), width="stretch")
        if len(records) == 1 and st.button("Inspect this run", key=keys.INSPECT_THIS, icon=":material/query_stats:"):
            navigation.go("inspect", {"run": records[0].id})
        if len(records) < FEWEST:
            st.caption("Pick another to compare them.")
        elif len(records) > MOST:
            st.caption(f"At most {MOST} are compared: untick {len(records) - MOST}.")
        elif st.button("Compare these", key=keys.COMPARE_THESE, icon=":material/compare_arrows:", type="primary"):
            navigation.go("compare", {run_choice.RUNS: ",".join(record.id for record in records)})


@st.cache_data(show_spinner=False, max_entries=16)
def _frame(runs: tuple[tuple[str, str], ...], _records: Sequence[Record]) -> pd.DataFrame:
    del runs  # only the key under which the table is kept
    return pd.DataFrame(_row(record) for record in _records)


def _row(record: Record) -> dict[str, object]:
    measured_at = {stage: run_facts.accuracy(record, stage) for stage in run_facts.stages_of(record)}
    counted = record.result["cost"]
    return {
        "run": run_facts.label(record),
        "dense": measured_at["dense"],
        "pruned": measured_at["pruned"],
        "fine-tuned": measured_at.get("tuned"),
        "parameters": counted["parameters"],
        "of dense": counted["parameters"] / record.result["dense_cost"]["parameters"],
        "MACs": counted["macs"],
        "origin": run_filter.origin_of(record),
        "made (UTC)": fmt.moment(record.created),
    }
