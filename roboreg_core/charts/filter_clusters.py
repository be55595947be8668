"""A block's filters: as images, as a correlation matrix ordered by cluster, and as a dendrogram."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Drawing, diverging_scale
from roboreg_core.charts.png_url import png_url
from roboreg_core.runs.filter_groups import FATES, BlockFilters
from roboreg_core.wording import fmt

# Outcomes of a filter as text.
FATE_WORDS = dict(zip(FATES, ("kept", "merged", "dropped"), strict=True))
FATE_COLOURS = {"kept": palette.BLUE, "merged": palette.ORANGE, "dropped": palette.GREY}
FEATURE_WORDS = {
    "raw": "conv1's weights",
    "filter": "conv1's weights with the batch norm's gamma and beta",
    "folded": "conv1's weights with batch norm folded in",
    "joint": "conv1's weights and the conv2 weights on their outputs",
}


def clusters_title(found: BlockFilters) -> str:
    """Title: the numbers of filters kept, merged and dropped."""
    after = int(found.labels.max()) + 1
    if after == len(found.labels):
        return f"Block {found.block} keeps all its filters"
    counts = _counts_words([FATE_WORDS[fate] for fate in found.fates])
    return f"Block {found.block}: {fmt.plural(len(found.labels), 'filter')} became {after}; {counts}"


def clusters_notes(found: BlockFilters) -> tuple[str, ...]:
    """Captions that explain the three charts: filter images, correlation matrix, dendrogram."""
    tiles = (
        "Tiles are 5 × 5 over RGB: the stem and each filter combined, with every ReLU between them active, since "
        f"block 1 reads the stem's {len(found.labels)} channels. Mid grey is a weight of zero."
        if found.block == 1
        else "Tiles are the filter's 3 × 3 kernels, one per input channel: white positive, black negative."
    )
    tree = f"Correlations and dendrogram: {FEATURE_WORDS[found.features]} in the dense network"
    if found.cut:
        tree += "; the clusters are the dendrogram cut at the line."
    elif found.clustered == "kmeans":
        tree += "; the clusters are those of k-means, so they may not be a cut of the dendrogram."
    elif found.clustered == "ward":
        tree += "; the run clustered responses to images, so its clusters may not be a cut of the dendrogram."
    else:
        tree += "; the run kept or dropped single filters without clustering."
    unknown = "The record does not contain which filter of a cluster was kept: all count as merged."
    return (tiles, tree) if found.known else (tiles, tree, unknown)


def tiles_data(found: BlockFilters) -> pd.DataFrame:
    """One row per filter in cluster order: number `filter`, image `tile` (`data:` URL), and texts.

    The texts are `fate` (`kept`, `merged` or `dropped`); `into`, the filter of the pruned network that it became, with
    the others merged into that; `lost`, the share of variance or output that its removal loses.
    """
    rows = [
        {
            "filter": int(each) + 1,
            "fate": FATE_WORDS[found.fates[each]],
            "into": _into(found, int(each)),
            "lost": _lost_words(found, int(each)),
            "tile": png_url(found.pictures[each], max(1, 96 // found.pictures.shape[1])),
        }
        for each in found.order
    ]
    return pd.DataFrame(rows)


def tiles_alt(frame: pd.DataFrame) -> str:
    """Alternative text of the filter images in `tiles_data`'s frame."""
    return f"Kernels of {fmt.plural(len(frame), 'filter')}: {_counts_words(list(frame['fate']))}."


def correlation_data(found: BlockFilters) -> pd.DataFrame:
    """One row per ordered pair of filters, in cluster order.

    Columns: numbers `filter` and `other` (from 1), `correlation` (-1..1), `together` (True in the same cluster).
    """
    i, j = (axis.ravel() for axis in np.indices(found.correlation.shape))
    a, b = found.order[i], found.order[j]
    same = (found.labels[a] == found.labels[b]) & (found.labels[a] >= 0)
    return pd.DataFrame(
        {"filter": a + 1, "other": b + 1, "correlation": found.correlation[a, b].round(4), "together": same}
    )


def correlation_title(frame: pd.DataFrame) -> str:
    """Title for `correlation_data`'s frame: the most similar pair of filters."""
    pairs = frame[frame["filter"] < frame["other"]]
    if pairs.empty:
        return "Only one filter"
    top = pairs.iloc[int(pairs["correlation"].argmax())]
    return (
        f"Filters {int(top['filter'])} and {int(top['other'])} are the most similar (correlation "
        f"{top['correlation']:.2f}); half of all pairs are within ±{pairs['correlation'].abs().median():.2f}"
    )


def correlation_chart(frame: pd.DataFrame) -> Drawing:
    """Heatmap of `correlation_data`'s frame: blue positive, orange negative, filters of a cluster framed."""
    order = [int(each) for each in dict.fromkeys(frame["filter"])]
    labels: dict[str, Any] = {"labels": len(order) <= 32, "labelFontSize": 9, "labelOverlap": False}
    base = alt.Chart(frame).encode(
        x=alt.X("other:O", sort=order, title="filter", axis=alt.Axis(**labels, ticks=False, orient="bottom")),
        y=alt.Y("filter:O", sort=order, title="filter", axis=alt.Axis(**labels)),
        tooltip=[
            "filter:Q", "other:Q", alt.Tooltip("correlation:Q", format="+.2f"),
            alt.Tooltip("together:N", title="in one cluster"),
        ],
    )  # fmt: skip
    cells = base.mark_rect().encode(
        color=alt.Color("correlation:Q", scale=diverging_scale(1), legend=alt.Legend(orient="top", gradientLength=200))
    )
    frames = base.transform_filter("datum.together && datum.filter != datum.other").mark_rect(
        filled=False, stroke=palette.INK, strokeWidth=1.2
    )
    return alt.layer(cells, frames).properties(height=560, description=correlation_alt(frame))


def merged(frame: pd.DataFrame) -> bool:
    """True if any cluster in `correlation_data`'s frame has two or more filters."""
    return bool((frame["together"] & (frame["filter"] != frame["other"])).any())


def correlation_alt(frame: pd.DataFrame) -> str:
    """Alternative text of `correlation_chart(frame)`."""
    return f"Correlation matrix of {frame['filter'].nunique()} filters, ordered by cluster. {correlation_title(frame)}."


def tree_data(found: BlockFilters) -> pd.DataFrame:
    """Four rows per merge, the corners of its bracket in the dendrogram.

    Columns: numbers `merge` (from 1) and `corner` (0..3), coordinates `x` and `height` (distance); `filters`, the
    numbers of those merged, as text; `lost`, share of the filters' variance; `done`, `yes` if all these filters are in
    one cluster of the run, else `no`; `cut`, height of the run's cut, NaN without one.
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
    """Title for `tree_data`'s frame: share of the filters' variance that the run's merges lose.

    If the run merged nothing: number of merges that would lose half of it.
    """
    merges = frame[frame["corner"] == 0]
    done = merges[merges["done"] == "yes"]
    if done.empty:
        half = f"{int((merges['lost'].cumsum() <= 0.5).sum())} lowest of {len(merges)} merges"
        return f"No filters were merged; the {half} would lose half of the filters' variance"
    return (
        f"{len(done)} of {fmt.plural(len(merges), 'merge')} are within one cluster of this run and lose "
        f"{fmt.percent(done['lost'].sum())} of the filters' variance"
    )


def tree_chart(frame: pd.DataFrame) -> Drawing:
    """Dendrogram from `tree_data`'s frame: the run's merges thick and blue, its cut as a dashed line."""
    made = alt.Scale(domain=["yes", "no"], range=[palette.BLUE, palette.GREY])
    x = alt.X("x:Q", axis=None)
    y = alt.Y("height:Q", title="distance at the merge (Ward)")
    base = alt.Chart(frame)
    tooltip = [
        alt.Tooltip("filters:N"),
        alt.Tooltip("lost:Q", format=".2%", title="lost in this merge"),
        alt.Tooltip("height:Q", format=".3f", title="distance"),
        alt.Tooltip("done:N", title="merged in this run"),
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
    """Alternative text of `tree_chart(frame)`."""
    return f"Dendrogram of {frame['merge'].nunique() + 1} filters. {tree_title(frame)}."


def _cut(found: BlockFilters) -> float:
    """Height between the last merge of the run and the next one; NaN if the clusters are not a cut."""
    heights, kept = found.tree.merges[:, 2], int(found.labels.max()) + 1
    made = len(found.labels) - kept
    if not found.cut or not 0 < made < len(found.labels):
        return float("nan")
    above = heights[made] if made < len(heights) else heights[-1] * 1.05
    return float((heights[made - 1] + above) / 2)


def _counts_words(fates: list[str]) -> str:
    return ", ".join(f"{fates.count(fate)} {fate}" for fate in FATE_WORDS.values() if fate in fates)


def _into(found: BlockFilters, each: int) -> str:
    label = int(found.labels[each])
    if label < 0:
        return "none"
    others = [place + 1 for place in np.flatnonzero(found.labels == label) if place != each]
    return f"filter {label + 1}" + (f", with {', '.join(map(str, others))}" if others else "")


def _lost_words(found: BlockFilters, each: int) -> str:
    label = int(found.labels[each])
    if found.fates[each] == "stays":
        return "none"
    if label < 0:
        if found.losses is None:
            return "not stored by this run"
        return f"{fmt.percent(float(found.losses[each]), 2)} of the block's residual"
    return f"{fmt.percent(float(found.cluster_lost[label]), 2)} of the filters' variance, by the whole cluster"
