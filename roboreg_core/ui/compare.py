"""The comparison: its finding first, then what is compared, the figures, and a chart for each question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from roboreg_core.charts import choice, comparison, facts, overlap, palette, slopes, strip, tradeoff, words
from roboreg_core.runs.compare import FEWEST, Comparison
from roboreg_core.runs.figures import COSTS
from roboreg_core.store.records import Record
from roboreg_core.ui import (
    address,
    compare_pick,
    compare_table,
    guard,
    keys,
    made_files,
    measured,
    panels,
    run_filters,
    state,
)
from roboreg_core.ui.address import Setting, one_of

# A dense network may have a name of any length.
MOST_TEXT = 400
_METRIC_WORDS = {"parameters": "Parameters", "macs": "MACs", "latency": "Latency"}


def everything() -> None:
    """The whole page under its heading."""
    chosen = compare_pick.choice()
    finding = st.container(key=keys.FINDING)
    compare_pick.notices(chosen)
    if len(state.runs()) < FEWEST:
        _nothing_to_compare(len(state.runs()))
        return
    if len(chosen.records) < FEWEST:
        finding.info(
            "Choose the runs to compare: two to sixteen, here, or by ticking them on the Overview. "
            "Each is set against the dense network, or against one of them."
        )
    controls = st.container(key="controls-compare")
    with controls:
        compare_pick.widgets(chosen)
    compare_pick.write_address()
    if len(chosen.records) < FEWEST:
        compare_pick.starters()
        return
    with controls:
        conditions, order = run_filters.comparison(chosen.records)
    shown = choice.chosen(chosen.records, conditions, order)
    if len(shown) < FEWEST:
        _filtered_away(finding, len(shown), len(chosen.records))
        return
    _told(finding, measured.comparison_of(shown, chosen.baseline), len(chosen.records), chosen.baseline)


def _nothing_to_compare(there: int) -> None:
    st.info(
        "There is only one run yet. Design another schedule and start it: it can be compared when it has finished."
        if there
        else "There is no run to compare yet. Design two schedules and start them: they appear here when finished."
    )
    st.page_link("pages/design.py", label="Design a schedule", icon=":material/tune:")


def _filtered_away(finding: st.delta_generator.DeltaGenerator, left: int, of: int) -> None:
    finding.warning(
        f"The filters leave {words.plural(left, 'run')} of {of}; a comparison takes at least two. Loosen or clear them."
    )
    st.button("Clear the filters", key=keys.CLEAR_FILTERS, icon=":material/filter_alt_off:", on_click=run_filters.clear)


def _told(finding: st.delta_generator.DeltaGenerator, found: Comparison, of: int, baseline: Record | None) -> None:
    finding.markdown(f"### {panels.escape(panels.sentence(comparison.comparison_title(found)))}")
    if len(found.rows) < of:
        finding.caption(f"The filters show {len(found.rows)} of {of} runs, here and in every chart.")
    _unlike(finding, found)
    styles = facts.styles(state.runs())
    compare_table.show(found, styles)
    left, right = st.columns(2, gap="large")
    with left:
        _tradeoff([row.record for row in found.rows], styles)
    with right:
        _strip(found)
    _slopes(found, styles)
    _overlap(found)
    with st.container(key="controls-report"):
        made_files.of_comparison([row.record for row in found.rows], baseline)


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
    setting = Setting(key=keys.METRIC, default=COSTS[0], read=one_of(*COSTS))
    address.restore([setting])
    with st.container(key="controls-metric"):
        st.segmented_control(
            "Accuracy against", COSTS, key=keys.METRIC, required=True, format_func=_METRIC_WORDS.__getitem__,
            persist_state="session",
        )  # fmt: skip
    address.follow([setting])
    cost = st.session_state[keys.METRIC]
    frame = tradeoff.tradeoff_data(records, cost, styles)
    clicked = panels.show(
        panels.Panel(
            name=keys.TRADEOFF,
            title=tradeoff.tradeoff_title(frame, cost),
            chart=partial(tradeoff.tradeoff_chart, cost=cost),
            frame=frame,
            alt_text=tradeoff.tradeoff_alt(frame, cost),
            table=frame.drop(columns=["colour", "marker"]),
            variant=cost,
            on_select="rerun",
            depends="Markers as in the table; small dots: before fine-tuning. Dashed: the dense network; dotted: the "
            "front that no other of these networks beats. Click a point to inspect its run.",
        )
    )
    run = picked(clicked, tradeoff.SELECTION)
    if run:
        guard.go("inspect", {"run": run[0]})


def _strip(found: Comparison) -> None:
    frame, ink = strip.strip_data(found), panels.ink()
    if frame["differs"].any():
        note = (
            "Filters kept in each block; blocks where all agree are faint. Deeper: a larger share of the block stays."
        )
    else:
        note = "Filters kept in each block. The runs differ in something else, see above."
    panels.show(
        panels.Panel(
            name="strip",
            title=strip.strip_title(frame),
            chart=partial(strip.strip_chart, only_differing=False, ink=ink),
            frame=frame,
            alt_text=strip.strip_alt(frame),
            variant=ink,
            depends=note,
        )
    )


def _slopes(found: Comparison, styles: Mapping[str, palette.Style]) -> None:
    frame = slopes.slopes_data(found, styles)
    compare_table.legend([row.record for row in found.rows], styles)
    panels.show(
        panels.Panel(
            name="slopes",
            title=slopes.slopes_title(frame),
            chart=partial(slopes.slopes_chart, with_legend=False),
            frame=frame,
            alt_text=slopes.slopes_alt(frame),
            table=frame[frame["side"] == "run"].drop(columns=["side", "colour", "marker"]),
            depends=f"In each class from {comparison.baseline_label(found)} (left end) to the run (marker). Recall: "
            "the share of a class's 1,000 test images that is recognised; verdicts are corrected for being ten.",
        )
    )


def _overlap(found: Comparison) -> None:
    frame, ink = overlap.overlap_data(found), panels.ink()
    panels.show(
        panels.Panel(
            name="overlap",
            title=overlap.overlap_title(frame),
            chart=partial(overlap.overlap_chart, ink=ink),
            frame=frame,
            alt_text=overlap.overlap_alt(frame),
            variant=ink,
            depends="Lost: right in the dense network that a run started from, wrong in the run, whatever the baseline "
            "above is. On the diagonal all that a run loses; elsewhere what two lose alike.",
        )
    )


def picked(state: object, selection: str) -> list[str]:
    """The runs of a chart's selection."""
    chosen = (state or {}).get("selection", {}).get(selection) or []  # type: ignore[attr-defined]
    return [each["run"] for each in chosen if each.get("run")]
