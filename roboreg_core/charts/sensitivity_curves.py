"""Sensitivity curves of the blocks, and the cost of removing one filter from each."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import RATE, Drawing
from roboreg_core.prediction.sensitivity import RemovalCost, SensitivityCurves
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.wording import fmt

COLUMNS = ["block", "count", "share", "accuracy", "low", "high", "loss", "measured", "dense", "present"]


def sensitivity_data(curves: SensitivityCurves, schedule: Schedule | None = None) -> pd.DataFrame:
    """One row per block and count of filters kept, from the fewest measured to all.

    Columns: `block`, `count`, its `share` of the filters; `accuracy` (0..1) with its 95 % interval `low` to `high`;
    accuracy of the `dense` network, and `loss` against it; `measured`, False if interpolated; `present`, True for the
    count that `schedule` keeps.
    """
    present = schedule.counts if schedule is not None else (0,) * len(curves.each)
    rows = [
        {
            "block": curve.block,
            "count": count,
            "share": count / curve.bound,
            "accuracy": curve.accuracy(count),
            "low": curve.interval(count)[0],
            "high": curve.interval(count)[1],
            "loss": curve.loss(count),
            "measured": count in curve.counts,
            "dense": curves.dense.accuracy,
            "present": count == present[curve.block - 1],
        }
        for curve in curves
        for count in range(curve.lowest, curve.bound + 1)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def sensitivity_title(frame: pd.DataFrame) -> str:
    """Title for `sensitivity_data`'s frame: most and least sensitive block with a quarter of its filters."""
    bounds = (frame["count"] / frame["share"]).round()
    cut = frame[frame["count"] == bounds // 4]
    if cut.empty:
        return "No block was measured at a quarter of its filters"
    worst, best = cut.iloc[int(cut["loss"].argmax())], cut.iloc[int(cut["loss"].argmin())]
    if len(cut) == 1:
        return f"Keeping a quarter of block {worst['block']}'s filters costs {_points(worst['loss'])} of accuracy"
    return (
        f"Keeping a quarter of a block's filters costs most in block {worst['block']}, {_points(worst['loss'])}, "
        f"and least in block {best['block']}, {_points(best['loss'])}"
    )


def sensitivity_chart(frame: pd.DataFrame) -> Drawing:
    """A small chart per block of `sensitivity_data`'s frame: curve, interval, measured dots, dashed dense accuracy.

    The count that the schedule keeps is an orange diamond. All charts share the accuracy axis.
    """
    x = alt.X("count:Q", title="filters kept", scale=alt.Scale(zero=False, nice=False, type="log", base=2))
    y = {"title": "validation accuracy", **RATE}
    base = alt.Chart().encode(x=x, y=alt.Y("accuracy:Q", **y))
    present = base.transform_filter("datum.present").mark_point(
        filled=True, size=110, opacity=1, color=palette.ORANGE, shape="diamond"
    )
    layers = [*_curve(base, y), _dots(base), present]
    chart = alt.layer(*layers, data=frame).properties(width=170, height=110)
    header = alt.Header(title=None, labelExpr="'block ' + datum.value", labelFontWeight="bold")
    faceted = chart.facet(facet=alt.Facet("block:N", header=header), columns=3)
    return faceted.resolve_scale(x="independent").properties(description=sensitivity_alt(frame))


def sensitivity_alt(frame: pd.DataFrame) -> str:
    """Alternative text of `sensitivity_chart(frame)`."""
    measured = int((frame["measured"] & (frame["share"] < 1)).sum())
    return (
        f"Validation accuracy against filters kept, one block at a time with the others dense; {measured} networks "
        f"measured. {sensitivity_title(frame)}."
    )


def removal_cost_data(rows: Sequence[RemovalCost]) -> pd.DataFrame:
    """One row per block, in the order of `rows`, on the removal of one of its filters.

    Columns: `block`; `count` of filters before; `macs` and `parameters` saved; `loss` of accuracy (0.01 is one
    percentage point); `per_mac`, the loss per million MACs saved; `text`, these values as a sentence.
    """
    return pd.DataFrame(
        {
            "block": row.block,
            "count": row.count,
            "macs": row.macs,
            "parameters": row.parameters,
            "loss": row.loss,
            "per_mac": row.loss_per_million_macs,
            "text": removal_cost_words(row),
        }
        for row in rows
    )


def removal_cost_words(row: RemovalCost) -> str:
    """Sentence, e.g. `Removing one filter saves 0.30 M MACs and 500 parameters and costs 0.02 percentage points`."""
    if row.is_minimal:
        return "One filter is left and cannot be removed"
    saved = f"Removing one filter saves {row.macs / 1e6:.2f}{fmt.NBSP}M MACs and {row.parameters:,} parameters"
    if not row.known:
        return f"{saved}; its cost was not measured"
    return f"{saved} and costs {_points(row.loss, 2)}"


def removal_cost_title(frame: pd.DataFrame) -> str:
    """Title for `removal_cost_data`'s frame: the blocks in which removing a filter costs least and most."""
    known = frame.dropna(subset="per_mac")
    if known.empty:
        return "No filter can be removed, or the cost was not measured"
    least, most = known.iloc[0], known.iloc[-1]
    if len(known) == 1:
        return f"The cost of removing one filter was measured in block {least['block']} only"
    return (
        f"Removing one filter costs least in block {least['block']}, {_points(least['per_mac'], 2)} per million MACs "
        f"saved, and most in block {most['block']}, {_points(most['per_mac'], 2)}"
    )


def removal_cost_chart(frame: pd.DataFrame) -> Drawing:
    """Chart of `removal_cost_data`'s frame: per block, accuracy lost per million MACs saved, least first."""
    shown = frame.dropna(subset="per_mac").assign(points=lambda each: 100 * each["per_mac"])
    base = alt.Chart(shown).encode(
        y=alt.Y(
            "block:N", sort=[str(block) for block in frame["block"]], title="block", axis=alt.Axis(labelOverlap=False)
        ),
        x=alt.X("points:Q", title="accuracy lost per million MACs saved, pp", axis=alt.Axis(format="~g")),
        tooltip=[
            "block:N",
            alt.Tooltip("count:Q", title="filters now"),
            alt.Tooltip("macs:Q", format=",", title="MACs saved"),
            alt.Tooltip("parameters:Q", format=",", title="parameters saved"),
            alt.Tooltip("loss:Q", format=".3%", title="accuracy lost"),
        ],
    )
    bars = base.mark_bar(color=palette.BLUE, height=14)
    figures = base.mark_text(align="left", dx=4, color=palette.GREY).encode(text=alt.Text("points:Q", format=".2f"))
    return alt.layer(bars, figures).properties(height=24 * max(1, len(shown)) + 20, description=removal_cost_alt(frame))


def removal_cost_alt(frame: pd.DataFrame) -> str:
    """Alternative text of `removal_cost_chart(frame)`."""
    return (
        f"Bars of the accuracy lost per million MACs saved, per block, least costly first. {removal_cost_title(frame)}."
    )


def _curve(base: alt.Chart, y: dict[str, Any]) -> list[Drawing]:
    """The interval, the dense network's accuracy and the curve; `y` are the settings of their common axis."""
    band = base.mark_area(opacity=0.18, color=palette.BLUE).encode(y=alt.Y("low:Q", **y), y2="high:Q")
    line = base.mark_line(strokeWidth=2, color=palette.BLUE)
    dense = alt.Chart().mark_rule(color=palette.GREY, strokeDash=[6, 4]).encode(y=alt.Y("mean(dense):Q", **y))
    return [band, dense, line]


def _dots(base: alt.Chart) -> Drawing:
    tooltip = [
        "block:N",
        alt.Tooltip("count:Q", title="filters kept"),
        alt.Tooltip("accuracy:Q", format=".2%"),
        alt.Tooltip("low:Q", format=".2%", title="95 % from"),
        alt.Tooltip("high:Q", format=".2%", title="to"),
        alt.Tooltip("loss:Q", format=".2%", title="loss against dense"),
    ]
    dots = base.transform_filter("datum.measured").mark_point(filled=True, size=30, opacity=1, color=palette.BLUE)
    return dots.encode(tooltip=tooltip)


def _points(share: float, digits: int = 1) -> str:
    return fmt.points(share, digits) if share >= 0 else f"{fmt.MINUS}{fmt.points(share, digits)}"
