"""Content of the Compare page: finding, fields, table and charts."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from roboreg_core.charts import (
    comparison_table,
    many_classes,
    palette,
    recall_slopes,
    schedule_strips,
    shared_error_matrix,
    tradeoff_scatter,
)
from roboreg_core.runs.comparison import FEWEST, MOST, Comparison
from roboreg_core.runs.metric_changes import COSTS
from roboreg_core.store.records import Record
from roboreg_core.ui import (
    generated_files,
    keys,
    navigation,
    panels,
    run_filters,
    run_metrics_cache,
    shared_state,
)
from roboreg_core.ui.compare import metrics_table, run_choice
from roboreg_core.ui.inspect import controls
from roboreg_core.wording import fmt, run_filter
from roboreg_core.wording.run_metrics import METRICS

# Names of dense networks have any length.
MOST_TEXT = 400
_COST_WORDS = {cost: fmt.sentence_case(METRICS[cost].label) for cost in COSTS}


def everything() -> None:
    """Draw the Compare page below its heading."""
    chosen = run_choice.choice()
    finding = st.container(key=keys.FINDING)
    run_choice.notices(chosen)
    if len(shared_state.runs()) < FEWEST:
        _nothing_to_compare(len(shared_state.runs()))
        return
    if len(chosen.records) < FEWEST:
        finding.info(
            f"Choose {FEWEST} to {MOST} runs to compare, here or by selecting them on Overview. The baseline is the "
            "dense network or one of the runs."
        )
    fields = st.container(key="controls-compare")
    with fields:
        run_choice.widgets(chosen)
    run_choice.write_address()
    if len(chosen.records) < FEWEST:
        run_choice.starters()
        return
    with fields:
        conditions, order = run_filters.comparison(chosen.records)
    shown = run_filter.chosen(chosen.records, conditions, order)
    if len(shown) < FEWEST:
        _filtered_away(finding, len(shown), len(chosen.records))
        return
    _comparison(finding, run_metrics_cache.comparison_of(shown, chosen.baseline), len(chosen.records), chosen.baseline)


def _nothing_to_compare(there: int) -> None:
    st.info(
        "Only one run yet. Start a run of another schedule to compare them."
        if there
        else "No runs to compare yet. Start runs of two schedules: they appear here when finished."
    )
    navigation.link("design", "Design a schedule")


def _filtered_away(finding: st.delta_generator.DeltaGenerator, left: int, of: int) -> None:
    finding.warning(
        f"{left} of {of} runs pass the filters; a comparison needs at least {FEWEST}. Relax or clear the filters."
    )
    run_filters.clear_button()


def _comparison(
    finding: st.delta_generator.DeltaGenerator, found: Comparison, of: int, baseline: Record | None
) -> None:
    finding.markdown(f"### {panels.escape(panels.sentence(comparison_table.comparison_title(found)))}")
    if len(found.rows) < of:
        finding.caption(f"Showing {len(found.rows)} of {of} runs in the table and all charts.")
    _mismatches(finding, found)
    styles = run_metrics_cache.styles()
    metrics_table.show(found, styles)
    left, right = st.columns(2, gap="large")
    with left:
        _tradeoff([row.record for row in found.rows], styles)
    with right:
        _strip(found)
    if found.classes:
        _slopes(found, styles)
    else:
        st.info(comparison_table.left_out_words("Per-class recall"))
    if found.overlap is not None:
        _shared_errors(found)
    else:
        st.info(comparison_table.left_out_words("Shared errors"))
    with st.container(key="controls-report"):
        generated_files.of_comparison([row.record for row in found.rows], baseline)


def _mismatches(where: st.delta_generator.DeltaGenerator, found: Comparison) -> None:
    """Settings other than the schedule that differ: a warning if they affect accuracy, a note if latency."""
    for concerns, show, icon in (
        ("accuracy", where.warning, ":material/balance:"),
        ("latency", where.info, ":material/timer:"),
    ):
        texts = [each.words for each in found.unlike if each.concerns == concerns]
        if texts:
            lead = f"The runs are not directly comparable: differences in {concerns} may have other causes."
            show("\n".join([lead, "", *(f"- {panels.escape(text[:MOST_TEXT])}." for text in texts)]), icon=icon)


def _tradeoff(records: Sequence[Record], styles: Mapping[str, palette.Style]) -> None:
    with st.container(key="controls-metric"):
        cost = controls.segment("Accuracy against", keys.METRIC, _COST_WORDS, COSTS[0])
    frame = tradeoff_scatter.tradeoff_data(records, cost, styles)
    clicked = panels.Panel(
        name=keys.TRADEOFF,
        title=tradeoff_scatter.tradeoff_title(frame, cost),
        chart=partial(tradeoff_scatter.tradeoff_chart, cost=cost),
        frame=frame,
        alt_text=tradeoff_scatter.tradeoff_alt(frame, cost),
        table=frame.drop(columns=["colour", "marker"]),
        variant=cost,
        on_select="rerun",
        depends="Markers as in the table; small dots: before fine-tuning. Dashed: dense network; dotted: Pareto "
        "front of these runs. Click a point to inspect its run.",
    ).show()
    run = picked(clicked, tradeoff_scatter.SELECTION)
    if run:
        navigation.go("inspect", {"run": run[0]})


def _strip(found: Comparison) -> None:
    frame, ink = schedule_strips.strip_data(found), panels.ink()
    note = (
        "Filters kept per block; blocks in which all runs agree are faint. Darker: a larger share of the block."
        if frame["differs"].any()
        else "Filters kept per block. The runs differ in other settings, see above."
    )
    panels.Panel(
        name="strip",
        title=schedule_strips.strip_title(frame),
        chart=partial(schedule_strips.strip_chart, only_differing=False, ink=ink),
        frame=frame,
        alt_text=schedule_strips.strip_alt(frame),
        variant=ink,
        depends=note,
    ).show()


def _slopes(found: Comparison, styles: Mapping[str, palette.Style]) -> None:
    frame = recall_slopes.slopes_data(found, styles)
    shown = recall_slopes.shown_classes(frame)
    several = f"The {many_classes.MOST} classes that changed most; all are in the table. "
    metrics_table.legend([row.record for row in found.rows], styles)
    panels.Panel(
        name="slopes",
        title=recall_slopes.slopes_title(frame),
        chart=partial(recall_slopes.slopes_chart, with_legend=False),
        frame=shown,
        alt_text=recall_slopes.slopes_alt(frame),
        table=frame[frame["side"] == "run"].drop(columns=["side", "colour", "marker"]),
        depends=f"{several if len(shown) < len(frame) else ''}Recall per class of "
        f"{comparison_table.baseline_label(found)} (left end) and of the run (marker): share of the class's test "
        "images classified correctly. Verdicts: exact McNemar tests, Holm-corrected over the "
        f"{len(found.classes)} classes.",
    ).show()


def _shared_errors(found: Comparison) -> None:
    frame, ink = shared_error_matrix.shared_errors_data(found), panels.ink()
    panels.Panel(
        name="shared-errors",
        title=shared_error_matrix.shared_errors_title(frame),
        chart=partial(shared_error_matrix.shared_errors_chart, ink=ink),
        frame=frame,
        alt_text=shared_error_matrix.shared_errors_alt(frame),
        variant=ink,
        depends="Images that the dense network of a run classifies correctly and the run does not, whatever the "
        "baseline above. Diagonal: all such images of a run; other cells: images that two runs share.",
    ).show()


def picked(state: object, selection: str) -> list[str]:
    """Ids of the runs selected in a chart.

    Args:
        state: selection state returned by `st.vega_lite_chart`, or None.
        selection: name of the chart's selection parameter.
    """
    chosen = (state or {}).get("selection", {}).get(selection) or []  # type: ignore[attr-defined]
    return [each["run"] for each in chosen if each.get("run")]
