"""Sections of Overview: the best run, presets, and all runs as a chart and a table."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from roboreg_core.architecture import RESNET20
from roboreg_core.charts import tradeoff_scatter
from roboreg_core.datasets.dataset import CIFAR10
from roboreg_core.errors import RoboRegError
from roboreg_core.models.costs import cost
from roboreg_core.runs.comparison import FEWEST, MOST
from roboreg_core.schedules.schedule import presets as preset_schedules
from roboreg_core.store.records import Record
from roboreg_core.ui import keys, navigation, panels, run_filters, run_metrics_cache, schedule_html, shared_state
from roboreg_core.ui.compare import metrics_table, run_choice
from roboreg_core.ui.compare.sections import picked
from roboreg_core.ui.inspect import header
from roboreg_core.ui.overview import run_lists
from roboreg_core.ui.overview.run_lists import ShownRuns
from roboreg_core.wording import baseline_changes, fmt, run_facts, run_filter

# The dense network and the original project's three schedules.
SHOWN_PRESETS = {
    "dense": "All filters: the network that every run starts from.",
    "minimal": "Original project, least pruned: one filter removed per block.",
    "moderate": "Original project: half the filters.",
    "aggressive": "Original project, most pruned: two filters per block.",
}


def lead() -> str:
    """Text below the page's title; it names ResNet-20 and CIFAR-10 if all runs use them."""
    kinds: set[str] = set()
    with suppress(RoboRegError):  # shown below the heading
        kinds = {*run_lists.all_runs().architectures, *run_lists.all_runs().data}
    if kinds <= {RESNET20.name, CIFAR10.id}:
        return f"How accurate is a {RESNET20.label} on {CIFAR10.name} with fewer filters?"
    return "How accurate is a residual network with fewer filters?"


def empty() -> None:
    """Draw the page for a store without runs: a notice, the first steps and a link to Design."""
    st.info(
        "No runs yet. RoboReg removes filters of a trained ResNet, fine-tunes the smaller network and measures its "
        "accuracy."
    )
    st.markdown(
        "1. **Design**: choose how many filters each block keeps; the savings are shown as you change them.\n"
        "2. **Start**: one button prunes, fine-tunes and evaluates, in a few minutes on two CPU cores.\n"
        "3. **Inspect**: accuracy, per-class metrics, confusion matrix, cost and files of the finished run."
    )
    navigation.link("design", "Design a schedule")


def best() -> None:
    """Draw the best run: its main result, tiles and links; a notice if no run is pruned."""
    record = run_lists.all_runs().best
    if record is None:
        st.info("No pruned runs yet. Reduce the filters of a block on the Design page.")
        return
    summary = run_metrics_cache.summary_of(shared_state.find_run(record.id))
    with st.container(key=keys.BEST):
        st.markdown(f"### {panels.escape(baseline_changes.finding(summary))}")
        st.caption(panels.escape(f"The best run so far is {run_facts.label(record)}: {run_facts.best_reason(record)}."))
        header.tiles(summary)
        with st.container(horizontal=True):
            navigation.link("inspect", "Inspect this run", {"run": record.id})
            navigation.link("design", "Design another schedule")


def presets() -> None:
    """Draw a column per schedule of `SHOWN_PRESETS`: filters, parameters, accuracy of its best run, link to Design."""
    with st.container(key=f"controls-{keys.PRESETS}"):
        st.subheader("Preset schedules")
        for column, (name, meaning) in zip(st.columns(len(SHOWN_PRESETS)), SHOWN_PRESETS.items(), strict=True):
            with column:
                _preset(name, meaning)


def scatter(shown: ShownRuns) -> list[str]:
    """Draw accuracy against parameters; a click opens the point's run. Returns the ids of shift-clicked runs."""
    if len(shown.records) <= MOST:  # a longer legend would outgrow the chart; a tooltip names each point
        metrics_table.legend(shown.records, run_metrics_cache.styles())
    frame, left_out = tradeoff_scatter.drawn_runs(shown.points, _selected_before(shown))
    state = panels.Panel(
        name=keys.TRADEOFF,
        title=tradeoff_scatter.tradeoff_title(shown.points),
        chart=tradeoff_scatter.tradeoff_chart,
        frame=frame,
        alt_text=tradeoff_scatter.tradeoff_alt(shown.points),
        table=shown.points.drop(columns=["colour", "marker"]),
        on_select="rerun",
        depends="One colour and marker per run. Hollow: example run; filled: your run; small dots: before "
        f"fine-tuning. Dashed: dense network; dotted: Pareto front. All test images, one seed per run. "
        f"Click a point to inspect its run; shift-click several to compare them. {left_out}".rstrip(),
    ).show()
    clicked = picked(state, tradeoff_scatter.SELECTION)
    if clicked:
        navigation.go("inspect", {"run": clicked[0]})
    return picked(state, tradeoff_scatter.SEVERAL)


def table(shown: ShownRuns) -> list[str]:
    """Draw a table with a selectable row per run; return the ids of the selected runs."""
    with st.container(key=keys.RUNS_TABLE):
        state = st.dataframe(
            shown.rows,
            key=_table_key(shown),
            hide_index=True,
            on_select="rerun",
            selection_mode="multi-row",
            height="content" if len(shown.records) < 12 else 420,
            column_config={
                name: st.column_config.NumberColumn(format="percent")
                for name in ("dense", "pruned", "fine-tuned", "of dense")
            }
            | {name: st.column_config.NumberColumn(format="localized") for name in ("parameters", "MACs")},
            alt="The runs with their accuracy and cost",
        )
    return _selected_rows(shown, state)


def all_runs(runs: Sequence[Record]) -> None:
    """Draw filters, chart and table of `runs`, which are all runs, with buttons to inspect or compare selected ones."""
    st.subheader(f"All {fmt.plural(len(runs), 'run')}" if len(runs) > 1 else "1 run")
    found = run_lists.all_runs()
    shown = run_lists.shown_runs(run_filters.overview(found.methods, found.presets, found.architectures, found.data))
    if not shown.records:
        st.info(f"None of {fmt.plural(len(runs), 'run')} passes these filters.")
        run_filters.clear_button()
        return
    if len(shown.records) < len(runs):
        st.caption(f"Showing {len(shown.records):,} of {fmt.plural(len(runs), 'run')} in the chart and the table.")
    if len({run_filter.data_of(record.spec["training_set"]) for record in shown.records}) > 1:
        st.caption("These runs are of several data sets, whose accuracies cannot be compared. Choose one above.")
    clicked = scatter(shown)
    bar = st.container(key=f"controls-{keys.PICKED}")
    ticked = table(shown)
    by_id = {record.id: record for record in shown.records}
    with bar:
        _picked([by_id[run] for run in dict.fromkeys([*clicked, *ticked]) if run in by_id])
    with st.container(key="controls-ticks"):
        st.caption("Accuracy on all test images. Select a row to inspect its run, several to compare them.")


def _table_key(shown: ShownRuns) -> str:
    """Key of the table. Streamlit stores selected rows as numbers: another list of runs gets another key."""
    return f"rows-{shown.key}"


def _selected_rows(shown: ShownRuns, state: Any) -> list[str]:
    rows = (state or {}).get("selection", {}).get("rows", ())
    return [shown.records[row].id for row in rows if row < len(shown.records)]


def _selected_before(shown: ShownRuns) -> list[str]:
    """Runs selected in the chart and the table, before these are drawn."""
    in_chart = picked(st.session_state.get(f"chart-{keys.TRADEOFF}"), tradeoff_scatter.SEVERAL)
    return [*in_chart, *_selected_rows(shown, st.session_state.get(_table_key(shown)))]


def _preset(name: str, meaning: str) -> None:
    schedule = preset_schedules(shared_state.architecture())[name]
    share = fmt.percent(cost(schedule).parameters / cost(schedule.dense).parameters)
    accuracy = run_lists.all_runs().accuracies.get(schedule)
    best_accuracy = f"best run {fmt.percent(accuracy)}" if accuracy is not None else "no run yet"
    facts = f"{share} of the parameters" + ("" if schedule.is_dense else f"; {best_accuracy}")
    st.markdown(f"**{name.capitalize()}**")
    st.html(f'<div style="overflow-x:auto">{schedule_html.strip(schedule)}</div>')
    st.caption(panels.escape(f"{meaning} {facts}."))
    navigation.link("design", f"Design from {name}", {"s": name})


def _picked(records: Sequence[Record]) -> None:
    """Names of the selected runs, with buttons to inspect or compare them."""
    if not records:
        return
    named = ", ".join(run_facts.label(record) for record in records[:4])
    more = f" and {len(records) - 4} more" if len(records) > 4 else ""
    with st.container(horizontal=True, vertical_alignment="center", key=keys.PICKED):
        st.markdown(panels.escape(f"{fmt.plural(len(records), 'run')} selected: {named}{more}."), width="stretch")
        if len(records) == 1:
            navigation.button("Inspect this run", keys.INSPECT_THIS, "inspect", {"run": records[0].id})
        if len(records) < FEWEST:
            st.caption("Select another run to compare.")
        elif len(records) > MOST:
            st.caption(f"At most {MOST} runs can be compared: deselect {len(records) - MOST}.")
        else:
            query = {run_choice.RUNS: ",".join(record.id for record in records)}
            navigation.button("Compare these", keys.COMPARE_THESE, "compare", query, type="primary")
