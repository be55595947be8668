"""The comparison: its finding first, then what is compared, the figures, and a chart for each question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from roboreg_core.charts import (
    comparison_table,
    palette,
    recall_slopes,
    schedule_strips,
    shared_error_matrix,
    tradeoff_scatter,
)
from roboreg_core.runs.comparison import FEWEST, Comparison
from roboreg_core.runs.metric_pairs import COSTS
from roboreg_core.store.records import Record
from roboreg_core.ui import (
    generated_files,
    keys,
    navigation,
    panels,
    run_filters,
    run_metrics_cache,
    shared_state,
    url_settings,
)
from roboreg_core.ui.compare import metrics_table, run_choice
from roboreg_core.ui.url_settings import UrlSetting, one_of
from roboreg_core.wording import fmt, run_filter

# A dense network may have a name of any length.
MOST_TEXT = 400
_METRIC_WORDS = {"parameters": "Parameters", "macs": "MACs", "latency": "Latency"}


def everything() -> None:
    """The whole page under its heading."""
    chosen = run_choice.choice()
    finding = st.container(key=keys.FINDING)
    run_choice.notices(chosen)
    if len(shared_state.runs()) < FEWEST:
        _nothing_to_compare(len(shared_state.runs()))
        return
    if len(chosen.records) < FEWEST:
        finding.info(
            "Choose the runs to compare: two to sixteen, here, or by ticking them on the Overview. "
            "Each is set against the dense network, or against one of them."
        )
    controls = st.container(key="controls-compare")
    with controls:
        run_choice.widgets(chosen)
    run_choice.write_address()
    if len(chosen.records) < FEWEST:
        run_choice.starters()
        return
    with controls:
        conditions, order = run_filters.comparison(chosen.records)
    shown = run_filter.chosen(chosen.records, conditions, order)
    if len(shown) < FEWEST:
        _filtered_away(finding, len(shown), len(chosen.records))
        return
    _told(finding, run_metrics_cache.comparison_of(shown, chosen.baseline), len(chosen.records), chosen.baseline)


def _nothing_to_compare(there: int) -> None:
    st.info(
        "There is only one run yet. Design another schedule and start it: it can be compared when it has finished."
        if there
        else "There is no run to compare yet. Design two schedules and start them: they appear here when finished."
    )
    st.page_link("pages/design.py", label="Design a schedule", icon=":material/tune:")


def _filtered_away(finding: st.delta_generator.DeltaGenerator, left: int, of: int) -> None:
    finding.warning(
        f"The filters leave {fmt.plural(left, 'run')} of {of}; a comparison takes at least two. Loosen or clear them."
    )
    st.button("Clear the filters", key=keys.CLEAR_FILTERS, icon=":material/filter_alt_off:", on_click=run_filters.clear)


def _told(finding: st.delta_generator.DeltaGenerator, found: Comparison, of: int, baseline: Record | None) -> None:
    finding.markdown(f"### {panels.escape(panels.sentence(comparison_table.comparison_title(found)))}")
    if len(found.rows) < of:
        finding.caption(f"The filters show {len(found.rows)} of {of} runs, here and in every chart.")
    _unlike(finding, found)
    styles = palette.styles(shared_state.runs())
    metrics_table.show(found, styles)
    left, right = st.columns(2, gap="large")
    with left:
        _tradeoff([row.record for row in found.rows], styles)
    with right:
        _strip(found)
    _slopes(found, styles)
    _overlap(found)
    with st.container(key="controls-report"):
        generated_files.of_comparison([row.record for row in found.rows], baseline)


def _unlike(where: st.delta_generator.DeltaGenerator, found: Comparison) -> None:
    """What makes the runs differ beside the schedule: a warning where accuracy is concerned, a note where timing is."""
    for concerns, show, icon in (
        ("accuracy", where.warning, ":material/balance:"),
        ("latency", where.info, ":material/timer:"),
    ):
        told = [each.words for each in found.unlike if each.concerns == concerns]
        if told:
            lead = f"Not like for like, so {concerns} may differ for that reason alone."
            show("\n".join([lead, "", *(f"- {panels.escape(text[:MOST_TEXT])}." for text in told)]), icon=icon)


def _tradeoff(records: Sequence[Record], styles: Mapping[str, palette.Style]) -> None:
    setting = UrlSetting(key=keys.METRIC, default=COSTS[0], read=one_of(*COSTS))
    url_settings.restore([setting])
    with st.container(key="controls-metric"):
        st.segmented_control(
            "Accuracy against", COSTS, key=keys.METRIC, required=True, format_func=_METRIC_WORDS.__getitem__,
            persist_state="session",
        )  # fmt: skip
    url_settings.follow([setting])
    cost = st.session_state[keys.METRIC]
    frame = tradeoff_scatter.tradeoff_data(records, cost, styles)
    clicked = panels.show(
        panels.Panel(
            name=keys.TRADEOFF,
            title=tradeoff_scatter.tradeoff_title(frame, cost),
            chart=partial(tradeoff_scatter.tradeoff_chart, cost=cost),
            frame=frame,
            alt_text=tradeoff_scatter.tradeoff_alt(frame, cost),
            table=frame.drop(columns=["colour", "marker"]),
            variant=cost,
            on_select="rerun",
            depends="Markers as in the table; small dots: before fine-tuning. Dashed: the dense network; dotted: the "
            "front that no other of these networks beats. Click a point to inspect its run.",
        )
    )
    run = picked(clicked, tradeoff_scatter.SELECTION)
    if run:
        navigation.go("inspect", {"run": run[0]})


def _strip(found: Comparison) -> None:
    frame, ink = schedule_strips.strip_data(found), panels.ink()
    if frame["differs"].any():
        note = (
            "Filters kept in each block; blocks where all agree are faint. Deeper: a larger share of the block stays."
        )
    else:
        note = "Filters kept in each block. The runs differ in something else, see above."
    panels.show(
        panels.Panel(
            name="strip",
            title=schedule_strips.strip_title(frame),
            chart=partial(schedule_strips.strip_chart, only_differing=False, ink=ink),
            frame=frame,
            alt_text=schedule_strips.strip_alt(frame),
            variant=ink,
            depends=note,
        )
    )


def _slopes(found: Comparison, styles: Mapping[str, palette.Style]) -> None:
    frame = recall_slopes.slopes_data(found, styles)
    metrics_table.legend([row.record for row in found.rows], styles)
    panels.show(
        panels.Panel(
            name="slopes",
            title=recall_slopes.slopes_title(frame),
            chart=partial(recall_slopes.slopes_chart, with_legend=False),
            frame=frame,
            alt_text=recall_slopes.slopes_alt(frame),
            table=frame[frame["side"] == "run"].drop(columns=["side", "colour", "marker"]),
            depends=f"In each class from {comparison_table.baseline_label(found)} (left end) to the run (marker). "
            "Recall: share of a class's test images classified correctly; verdicts are Holm-corrected.",
        )
    )


def _overlap(found: Comparison) -> None:
    frame, ink = shared_error_matrix.overlap_data(found), panels.ink()
    panels.show(
        panels.Panel(
            name="overlap",
            title=shared_error_matrix.overlap_title(frame),
            chart=partial(shared_error_matrix.overlap_chart, ink=ink),
            frame=frame,
            alt_text=shared_error_matrix.overlap_alt(frame),
            variant=ink,
            depends="Lost: right in the dense network that a run started from, wrong in the run, whatever the baseline "
            "above is. On the diagonal all that a run loses; elsewhere what two lose alike.",
        )
    )


def picked(state: object, selection: str) -> list[str]:
    """The runs of a chart's selection."""
    chosen = (state or {}).get("selection", {}).get(selection) or []  # type: ignore[attr-defined]
    return [each["run"] for each in chosen if each.get("run")]
