"""A block's filters: as pictures, as a correlation matrix ordered by cluster, and as a tree with the run's cut."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Drawing
from roboreg_core.charts.png_url import png_address
from roboreg_core.runs.filter_groups import FATES, BlockFilters
from roboreg_core.wording import fmt

FATE_COLOURS = {"stays": palette.BLUE, "merged": palette.ORANGE, "dropped": palette.GREY}
FEATURE_WORDS = {
    "raw": "conv1's weights",
    "filter": "conv1's weights with gamma and beta",
    "folded": "conv1's weights with batch norm folded in",
    "joint": "conv1's weights and the slice of conv2 that reads them",
}


def clusters_title(found: BlockFilters) -> str:
    """The finding: how many filters stayed, merged and went."""
    counts = {fate: found.fates.count(fate) for fate in FATES}
    after = int(found.labels.max()) + 1
    text = f"Block {found.block}: {fmt.plural(len(found.labels), 'filter')} became {after}"
    parts = [f"{count} {'stay' if fate == 'stays' else fate}" for fate, count in counts.items() if count]
    return f"{text}; {', '.join(parts)}" if after < len(found.labels) else f"Block {found.block} keeps all its filters"


def clusters_notes(found: BlockFilters) -> tuple[str, ...]:
    """What a reader must know to read the three charts rightly."""
    looks = (
        "Tiles are 5 x 5 over RGB: the stem and each filter acting together where every ReLU between is open; block 1 "
        "reads the stem's 16 channels, not colours. Mid grey is a weight of zero."
        if found.block == 1
        else "Tiles are the filter's 3 x 3 kernels side by side, one an input channel: white positive, black negative."
    )
    tree = f"Correlations and tree are of {FEATURE_WORDS[found.features]} in the dense network"
    if found.cut:
        tree += "; the clusters are this tree cut at the line."
    elif found.clustered == "kmeans":
        tree += "; k-means made the clusters, so they need not be a cut of this tree."
    elif found.clustered == "ward":
        tree += "; the run clustered responses to images, so its clusters need not be a cut of this tree."
    else:
        tree += "; the run kept and dropped single filters and cut no tree."
    unknown = ("The record does not tell which filter of a cluster stayed: all count as merged.",)
    return (looks, tree, *(() if found.known else unknown))


def tiles_data(found: BlockFilters) -> pd.DataFrame:
    """A row a filter in the order of the clusters: `filter`, `fate`, `into`, `lost`, `tile` (PNG)."""
    rows = [
        {
            "filter": int(each) + 1,
            "fate": found.fates[each],
            "into": _into(found, int(each)),
            "lost": _lost_words(found, int(each)),
            "tile": png_address(found.pictures[each], max(1, 96 // found.pictures.shape[1])),
        }
        for each in found.order
    ]
    return pd.DataFrame(rows)


def tiles_alt(frame: pd.DataFrame) -> str:
    """The pictures in words."""
    counts = frame["fate"].value_counts()
    told = ", ".join(f"{int(counts[fate])} {'stay' if fate == 'stays' else fate}" for fate in FATES if fate in counts)
    return f"Pictures of {fmt.plural(len(frame), 'filter')}: {told}."


def correlation_data(found: BlockFilters) -> pd.DataFrame:
    """A row a pair of filters in the order of the clusters: `filter`, `other`, `correlation`, `together`."""
    i, j = (axis.ravel() for axis in np.indices(found.correlation.shape))
    a, b = found.order[i], found.order[j]
    same = (found.labels[a] == found.labels[b]) & (found.labels[a] >= 0)
    return pd.DataFrame(
        {"filter": a + 1, "other": b + 1, "correlation": found.correlation[a, b].round(4), "together": same}
    )


def correlation_title(frame: pd.DataFrame) -> str:
    """The finding: which two filters are most alike."""
    pairs = frame[frame["filter"] < frame["other"]]
    if pairs.empty:
        return "There is only one filter"
    top = pairs.iloc[int(pairs["correlation"].argmax())]
    return (
        f"Filters {int(top['filter'])} and {int(top['other'])} are most alike (correlation {top['correlation']:.2f}); "
        f"half of all pairs are within ±{pairs['correlation'].abs().median():.2f}"
    )


def correlation_chart(frame: pd.DataFrame) -> Drawing:
    """A square of cells, blue alike and orange opposite; filters that became one are framed."""
    order = [int(each) for each in dict.fromkeys(frame["filter"])]
    labels: dict[str, Any] = {"labels": len(order) <= 32, "labelFontSize": 9, "labelOverlap": False}
    base = alt.Chart(frame).encode(
        x=alt.X("other:O", sort=order, title="filter", axis=alt.Axis(**labels, ticks=False, orient="bottom")),
        y=alt.Y("filter:O", sort=order, title="filter", axis=alt.Axis(**labels)),
        tooltip=[
            "filter:Q", "other:Q", alt.Tooltip("correlation:Q", format="+.2f"),
            alt.Tooltip("together:N", title="became one"),
        ],
    )  # fmt: skip
    scale = alt.Scale(domain=[-1, 0, 1], range=[palette.LOSS, "#FFFFFF", palette.GAIN], interpolate="lab")
    cells = base.mark_rect().encode(
        color=alt.Color("correlation:Q", scale=scale, legend=alt.Legend(orient="top", gradientLength=200))
    )
    frames = base.transform_filter("datum.together && datum.filter != datum.other").mark_rect(
        filled=False, stroke="#1B2733", strokeWidth=1.2
    )
    return alt.layer(cells, frames).properties(height=560, description=correlation_alt(frame))


def merged(frame: pd.DataFrame) -> bool:
    """Whether any two different filters became one."""
    return bool((frame["together"] & (frame["filter"] != frame["other"])).any())


def correlation_alt(frame: pd.DataFrame) -> str:
    """The chart in words."""
    return f"Correlation matrix of {frame['filter'].nunique()} filters, ordered by cluster. {correlation_title(frame)}."


def tree_data(found: BlockFilters) -> pd.DataFrame:
    """Four rows a merge, the corners of its bracket: `merge`, `x`, `height`, `filters`, share `lost`, `done`.

    `done` tells whether the run put all filters below into one. `cut` is the height of the run's cut, NaN without.
    """
    n, merges = len(found.labels), found.tree.merges
    spots = {int(leaf): (float(place), 0.0) for place, leaf in enumerate(found.tree.order)}
    cut = _cut(found)
    rows = []
    for number, (left, right, height, _) in enumerate(merges):
        below = found.tree.members(n + number)
        (x0, y0), (x1, y1) = spots[int(left)], spots[int(right)]
        done = len(set(found.labels[below].tolist())) == 1 and found.labels[below[0]] >= 0
        named = ", ".join(str(each + 1) for each in below[:12]) + (" …" if len(below) > 12 else "")
        for corner, (x, y) in enumerate(((x0, y0), (x0, height), (x1, height), (x1, y1))):
            rows.append(
                {
                    "merge": number + 1, "corner": corner, "x": x, "height": y, "filters": named,
                    "lost": found.tree.lost[number], "done": "yes" if done else "no", "cut": cut,
                }
            )  # fmt: skip
        spots[n + number] = ((x0 + x1) / 2, float(height))
    return pd.DataFrame(rows)


def tree_title(frame: pd.DataFrame) -> str:
    """The finding: what the run's merges lost, or how evenly the filters differ."""
    merges = frame[frame["corner"] == 0]
    done = merges[merges["done"] == "yes"]
    if done.empty:
        half = int((merges["lost"].cumsum() <= 0.5).sum())
        return (
            f"No filters of this tree were merged; its {half} cheapest of {len(merges)} merges would lose half of "
            "what sets the filters apart"
        )
    return (
        f"{len(done)} of the tree's {fmt.plural(len(merges), 'merge')} lie within one cluster of this run and lose "
        f"{fmt.percent(done['lost'].sum())} of what sets the filters apart"
    )


def tree_chart(frame: pd.DataFrame) -> Drawing:
    """The tree, merges that the run made thick and blue, the cut as a dashed line; hover a node for what it loses."""
    made = alt.Scale(domain=["yes", "no"], range=[palette.BLUE, palette.GREY])
    x = alt.X("x:Q", axis=None)
    y = alt.Y("height:Q", title="distance at the merge (Ward)")
    base = alt.Chart(frame)
    tooltip = [
        alt.Tooltip("filters:N"),
        alt.Tooltip("lost:Q", format=".2%", title="lost in this merge"),
        alt.Tooltip("height:Q", format=".3f", title="distance"),
        alt.Tooltip("done:N", title="made by the run"),
    ]
    colour = alt.Color("done:N", scale=made, legend=alt.Legend(title="merged in this run", orient="top"))
    lines = base.mark_line(interpolate="linear").encode(
        x=x, y=y, detail="merge:N", order="corner:Q", color=colour,
        strokeWidth=alt.condition("datum.done == 'yes'", alt.value(3), alt.value(1.3)),
    )  # fmt: skip
    nodes = (
        base.transform_filter("datum.corner == 1 || datum.corner == 2")
        .transform_aggregate(x="mean(x)", height="max(height)", groupby=["merge", "filters", "lost", "done"])
        .mark_point(filled=True, size=45, opacity=1)
        .encode(x=x, y=y, color=colour, tooltip=tooltip)
    )
    layers: list[Any] = [lines, nodes]
    if frame["cut"].notna().any():
        rule = alt.Chart(frame[:1]).mark_rule(strokeDash=[6, 4], color=palette.ORANGE, strokeWidth=2)
        layers.append(rule.encode(y="cut:Q"))
    return alt.layer(*layers).properties(height=460, description=tree_alt(frame))


def tree_alt(frame: pd.DataFrame) -> str:
    """The chart in words."""
    return f"Dendrogram of {frame['merge'].nunique() + 1} filters. {tree_title(frame)}."


def _cut(found: BlockFilters) -> float:
    """Between the last merge that was made and the first that was not; NaN where the clusters are no cut."""
    heights, kept = found.tree.merges[:, 2], int(found.labels.max()) + 1
    made = len(found.labels) - kept
    if not found.cut or not 0 < made < len(found.labels):
        return float("nan")
    above = heights[made] if made < len(heights) else heights[-1] * 1.05
    return float((heights[made - 1] + above) / 2)


def _into(found: BlockFilters, each: int) -> str:
    label = int(found.labels[each])
    if label < 0:
        return "nothing"
    others = [place + 1 for place in np.flatnonzero(found.labels == label) if place != each]
    return f"filter {label + 1}" + (f", with {', '.join(map(str, others))}" if others else "")


def _lost_words(found: BlockFilters, each: int) -> str:
    label = int(found.labels[each])
    if label < 0 or found.fates[each] == "stays":
        if found.losses is None or found.fates[each] == "stays":
            return "nothing" if found.fates[each] == "stays" else "not stored by this run"
        return f"{fmt.percent(float(found.losses[each]), 2)} of what the block adds"
    return f"{fmt.percent(float(found.cluster_lost[label]), 2)} of what sets the filters apart, by the whole cluster"
