"""Filters tab: filters of a block as pictures, their correlations and dendrogram, and which were kept."""

import pandas as pd
import streamlit as st

from roboreg_core.charts import filter_clusters
from roboreg_core.pruning.methods import NO_CLUSTERS, parse_weights
from roboreg_core.runs.filter_groups import BlockFilters
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import keys, panels, run_metrics_cache
from roboreg_core.ui.inspect import controls

# Outlines repeat the caption by colour and line style.
_STYLE = f"""<style>
.filters {{ display: flex; flex-wrap: wrap; gap: 0.75rem 0.5rem; }}
.filters figure {{ margin: 0; width: 4.25rem; }}
.filters img {{ width: 56px; height: 56px; image-rendering: pixelated; display: block; padding: 2px; }}
.filters figcaption {{ font-size: 0.75rem; }}
.filters .kept img {{ outline: 3px solid {filter_clusters.FATE_COLOURS["kept"]}; }}
.filters .merged img {{ outline: 3px dashed {filter_clusters.FATE_COLOURS["merged"]}; }}
.filters .dropped img {{ outline: 1px dotted {filter_clusters.FATE_COLOURS["dropped"]}; opacity: 0.5; }}
</style>"""


def show(summary: Summary) -> None:
    """Draw the tab Filters: filters of the chosen block as pictures, their correlations and their dendrogram."""
    if parse_weights(summary.record.spec["method"]) is not None:
        st.info("This run set single weights to zero and kept all filters: there are no clusters.")
        return
    blocks = {str(block): f"{block}" for block in range(1, len(summary.record.spec["schedule"]) + 1)}
    block = int(controls.segment("Block", keys.BLOCK, blocks, "1"))
    found = run_metrics_cache.filters_of(summary.record, block)
    st.markdown(f"**{panels.escape(filter_clusters.clusters_title(found))}**")
    for note in filter_clusters.clusters_notes(found):
        st.caption(panels.escape(note))
    _tiles(found)
    left, right = st.columns(2, gap="large")
    with left:
        _correlations(found)
    with right:
        _tree(found)


def _tiles(found: BlockFilters) -> None:
    frame = filter_clusters.tiles_data(found)
    st.markdown(f"**{panels.escape(filter_clusters.tiles_alt(frame))}**")
    st.html(_figures(frame))
    order = "as in the dendrogram" if found.clustered == NO_CLUSTERS else "by cluster"
    st.caption(
        f"Order here and in the matrix: {order}. Point at a filter to see its cluster and error, also in the table."
    )
    names = {"fate": "outcome", "into": "after pruning", "lost": "error"}
    panels.as_table("filters", frame.drop(columns=["tile"]).rename(columns=names))


def _figures(frame: pd.DataFrame) -> str:
    """Filters as HTML, which wraps on a narrow screen unlike a chart."""
    figures = "".join(
        f'<figure class="{row.fate}" title="filter {row.filter}, {row.fate}; after pruning: {row.into}; error: '
        f'{row.lost}">'
        f'<img src="{row.tile}" alt="filter {row.filter}, {row.fate}" width="56" height="56">'
        f"<figcaption>{row.filter} {row.fate}</figcaption></figure>"
        for row in frame.itertuples()
    )
    return f'{_STYLE}<div class="filters">{figures}</div>'


def _correlations(found: BlockFilters) -> None:
    frame = filter_clusters.correlation_data(found)
    panels.Panel(
        name="correlations",
        title=filter_clusters.correlation_title(frame),
        frame=frame,
        chart=filter_clusters.correlation_chart,
        alt_text=filter_clusters.correlation_alt(frame),
        depends="Outlined: different filters merged into one." if filter_clusters.merged(frame) else "",
    ).show()


def _tree(found: BlockFilters) -> None:
    frame = filter_clusters.tree_data(found)
    merges = frame[frame["corner"] == 0].drop(columns=["corner", "x", "cut"])
    panels.Panel(
        name="tree",
        title=filter_clusters.tree_title(frame),
        frame=frame,
        chart=filter_clusters.tree_chart,
        alt_text=filter_clusters.tree_alt(frame),
        depends="Point at a node to see the filters that merge there and the share of variance lost. The table has "
        "all merges.",
        table=merges.rename(columns={"height": "distance", "done": "merged in this run"}),
    ).show()
