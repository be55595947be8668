"""Which runs lose the same images: a matrix of how far their sets of lost images overlap."""

from __future__ import annotations

import altair as alt
import pandas as pd

from roboreg_core.charts.base import Drawing
from roboreg_core.runs.comparison import Comparison
from roboreg_core.wording import fmt, run_facts


def overlap_data(comparison: Comparison) -> pd.DataFrame:
    """A row a pair of runs, both ways: `run`, `other` (labels), `both` lost, `jaccard`, `by_chance`, and their ids."""
    labels = run_facts.labels([row.record for row in comparison.rows])
    names, found = list(labels.items()), comparison.overlap
    return pd.DataFrame(
        {
            "run": label,
            "other": other,
            "run_id": run,
            "other_id": other_id,
            "both": int(found.counts[i, j]),
            "jaccard": float(found.jaccard[i, j]),
            "by_chance": float(found.by_chance[i, j]),
        }
        for i, (run, label) in enumerate(names)
        for j, (other_id, other) in enumerate(names)
    )


def overlap_title(frame: pd.DataFrame) -> str:
    """The finding: the two runs that lose the most alike."""
    pairs = frame[frame["run_id"] < frame["other_id"]]
    if pairs.empty or not pairs["both"].any():
        return "No two runs lose the same images"
    top = pairs.iloc[int(pairs["jaccard"].argmax())]
    times = top["both"] / max(top["by_chance"], 1e-9)
    return (
        f"{top['run']} and {top['other']} lose most alike: {fmt.plural(int(top['both']), 'image')}, "
        f"{fmt.percent(top['jaccard'], 0)} of what either loses and {times:.1f} times as many as by chance"
    )


def overlap_chart(frame: pd.DataFrame, ink: str = "#1B2733") -> Drawing:
    """Cells deeper for a larger share of images in common, with their count; the diagonal is all that a run loses."""
    order = list(dict.fromkeys(frame["run"]))
    base = alt.Chart(frame).encode(
        x=alt.X("other:N", sort=order, title=None, axis=alt.Axis(labelAngle=-35, labelLimit=130, orient="bottom")),
        y=alt.Y("run:N", sort=order, title=None, axis=alt.Axis(labelLimit=200)),
        tooltip=[
            alt.Tooltip("run:N", title="run"),
            alt.Tooltip("other:N", title="and"),
            alt.Tooltip("both:Q", title="images lost by both", format=","),
            alt.Tooltip("jaccard:Q", title="of those lost by either", format=".0%"),
            alt.Tooltip("by_chance:Q", title="by chance alone", format=",.0f"),
        ],
    )
    cells = base.mark_rect(color="#1E6DA8").encode(
        opacity=alt.Opacity("jaccard:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 1]), legend=None)
    )
    text = base.mark_text(fontSize=11).encode(
        text=alt.Text("both:Q", format=",d"),
        color=alt.condition(alt.datum["jaccard"] >= 0.55, alt.value("#FFFFFF"), alt.value(ink)),
    )
    height = 34 * len(order) + 130  # the axis takes part of it
    return alt.layer(cells, text).properties(height=height, description=overlap_alt(frame))


def overlap_alt(frame: pd.DataFrame) -> str:
    """The chart in words."""
    return (
        f"Matrix of the images that each two of {fmt.plural(frame['run_id'].nunique(), 'run')} lose to their dense "
        f"network. {overlap_title(frame)}."
    )
