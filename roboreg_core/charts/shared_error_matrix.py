"""Shared errors: a matrix of the test images that two runs both misclassify, unlike their dense networks."""

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Drawing
from roboreg_core.errors import DataError
from roboreg_core.runs.comparison import Comparison
from roboreg_core.wording import fmt, run_facts


def shared_errors_data(comparison: Comparison) -> pd.DataFrame:
    """One row per ordered pair of runs, including each run with itself.

    Columns: labels `run` and `other`, ids `run_id` and `other_id`; `both`, number of shared errors; `jaccard`, Jaccard
    index (0..1); `by_chance`, number of shared errors expected if the runs' errors were independent.

    Raises `DataError`: the runs are of several data sets.
    """
    if comparison.overlap is None:
        raise DataError("shared errors need runs of one data set, got several; choose runs of one")
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


def shared_errors_title(frame: pd.DataFrame) -> str:
    """Title for `shared_errors_data`'s frame: the two runs with the largest share of errors in common."""
    pairs = frame[frame["run_id"] < frame["other_id"]]
    if pairs.empty or not pairs["both"].any():
        return "No two runs share errors"
    top = pairs.iloc[int(pairs["jaccard"].argmax())]
    times = top["both"] / max(top["by_chance"], 1e-9)
    return (
        f"Most shared errors: {top['run']} and {top['other']}, {fmt.plural(int(top['both']), 'image')}, "
        f"{fmt.percent(top['jaccard'], 0)} of those lost by either and {times:.1f} times the number expected by chance"
    )


def shared_errors_chart(frame: pd.DataFrame, ink: str = palette.INK) -> Drawing:
    """Matrix of `shared_errors_data`'s frame: number of shared errors per pair; text in the colour `ink`."""
    order = list(dict.fromkeys(frame["run"]))
    base = alt.Chart(frame).encode(
        x=alt.X("other:N", sort=order, title=None, axis=alt.Axis(labelAngle=-35, labelLimit=130, orient="bottom")),
        y=alt.Y("run:N", sort=order, title=None, axis=alt.Axis(labelLimit=200)),
        tooltip=[
            alt.Tooltip("run:N", title="run"),
            alt.Tooltip("other:N", title="and"),
            alt.Tooltip("both:Q", title="images lost by both", format=","),
            alt.Tooltip("jaccard:Q", title="share of those lost by either", format=".0%"),
            alt.Tooltip("by_chance:Q", title="expected by chance", format=",.0f"),
        ],
    )
    cells = base.mark_rect(color=palette.CELL).encode(
        opacity=alt.Opacity("jaccard:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 1]), legend=None)
    )
    text = base.mark_text(fontSize=11).encode(
        text=alt.Text("both:Q", format=",d"),
        color=alt.condition(alt.datum["jaccard"] >= 0.55, alt.value(palette.WHITE), alt.value(ink)),
    )
    height = 34 * len(order) + 130  # with the axis
    return alt.layer(cells, text).properties(height=height, description=shared_errors_alt(frame))


def shared_errors_alt(frame: pd.DataFrame) -> str:
    """Alternative text of `shared_errors_chart(frame)`."""
    return (
        f"Matrix of images that every two of {fmt.plural(frame['run_id'].nunique(), 'run')} both lose against their "
        f"dense network. {shared_errors_title(frame)}."
    )
