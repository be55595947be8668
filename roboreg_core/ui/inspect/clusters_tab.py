"""Clusters: a block's filters as pictures, how alike they are, the tree, and which merged, stayed and went."""

from __future__ import annotations

from functools import partial

import streamlit as st

from roboreg_core.charts import clusters
from roboreg_core.runs.clusters import BlockFilters
from roboreg_core.runs.summary import Summary
from roboreg_core.schedule import BOUNDS
from roboreg_core.ui import keys, panels, state
from roboreg_core.ui.inspect import controls


def show(summary: Summary) -> None:
    """The tab."""
    blocks = {str(block): f"{block}" for block in range(1, len(BOUNDS) + 1)}
    block = int(controls.segment("Block", keys.BLOCK, blocks, "1"))
    found = state.filters_of(summary.record, block)
    st.markdown(f"**{panels.escape(clusters.clusters_title(found))}**")
    for note in clusters.clusters_notes(found):
        st.caption(panels.escape(note))
    _tiles(found)
    left, right = st.columns(2, gap="large")
    with left:
        _correlations(found)
    with right:
        _tree(found)


def _tiles(found: BlockFilters) -> None:
    frame, ink = clusters.tiles_data(found), panels.ink()
    panels.show(
        panels.Panel(
            name="filters",
            title=f"The {len(frame)} filters of block {found.block}, in the order of the matrix below",
            frame=frame,
            chart=partial(clusters.tiles_chart, ink=ink),
            alt_text=clusters.tiles_alt(frame),
            variant=ink,
            depends="Point at a filter to read what became of it and what that lost; the table has the same.",
            table=frame.drop(columns=["tile", "column", "row"]),
            width="content",
        )
    )


def _correlations(found: BlockFilters) -> None:
    frame, ink = clusters.correlation_data(found), panels.ink()
    panels.show(
        panels.Panel(
            name="correlations",
            title=clusters.correlation_title(frame),
            frame=frame,
            chart=partial(clusters.correlation_chart, ink=ink),
            alt_text=clusters.correlation_alt(frame),
            variant=ink,
            depends="Framed: filters that became one.",
        )
    )


def _tree(found: BlockFilters) -> None:
    frame = clusters.tree_data(found)
    merges = frame[frame["corner"] == 0].drop(columns=["corner", "x", "cut"])
    panels.show(
        panels.Panel(
            name="tree",
            title=clusters.tree_title(frame),
            frame=frame,
            chart=clusters.tree_chart,
            alt_text=clusters.tree_alt(frame),
            depends="Point at a node to read which filters merge there and how much of what sets all filters apart is "
            "lost; the table has every merge.",
            table=merges.rename(columns={"height": "distance", "done": "made by the run"}),
        )
    )
