"""How accuracy falls as one block loses clusters: nine small curves, and the exchange, sorted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Drawing
from roboreg_core.prediction.sensitivity import RemovalCost, SensitivityCurves
from roboreg_core.schedules.schedule import N_BLOCKS, STAGE_WIDTHS, Schedule, by_stage
from roboreg_core.wording import fmt

COLUMNS = ["block", "count", "share", "accuracy", "low", "high", "loss", "measured", "dense", "present"]
QUARTER = by_stage([width // 4 for width in STAGE_WIDTHS])
PERCENT = alt.Axis(format=".0%", tickMinStep=0.01)


def sensitivity_data(curves: SensitivityCurves, schedule: Schedule | None = None) -> pd.DataFrame:
    """A row a block and count, from the fewest clusters measured to all.

    Columns: `block`, `count`, its `share` of the filters, `accuracy` with its 95 % interval `low` to `high`, `loss`
    against the `dense` network (a share), whether it was `measured`, and whether `schedule` has this count (`present`).
    """
    present = schedule.clusters if schedule is not None else (0,) * N_BLOCKS
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
    """The finding: which block bears pruning worst and which best, at a quarter of its filters."""
    cut = frame[frame["count"] == frame["block"].map(lambda block: QUARTER.clusters[block - 1])]
    if cut.empty:
        return "No block's sensitivity has been measured at a quarter of its filters"
    worst, best = cut.iloc[int(cut["loss"].argmax())], cut.iloc[int(cut["loss"].argmin())]
    if len(cut) == 1:
        return f"A quarter of block {worst['block']}'s filters costs {_points(worst['loss'])}"
    return (
        f"Cut to a quarter of its filters, block {worst['block']} costs most, {_points(worst['loss'])}, "
        f"and block {best['block']} least, {_points(best['loss'])}"
    )


def sensitivity_chart(frame: pd.DataFrame) -> Drawing:
    """Nine small charts, a block each: the curve with its interval, what was measured as dots, dense dashed.

    The present count is the orange diamond. All share the accuracy's axis, so that heights compare.
    """
    x = alt.X("count:Q", title="clusters kept", scale=alt.Scale(zero=False, nice=False, type="log", base=2))
    y: dict[str, Any] = {"title": "validation accuracy", "axis": PERCENT, "scale": alt.Scale(zero=False, nice=True)}
    base = alt.Chart().encode(x=x, y=alt.Y("accuracy:Q", **y))
    layers = [*_curve(base, y), _dots(base, 30), _present(base, 110)]
    chart = alt.layer(*layers, data=frame).properties(width=170, height=110)
    header = alt.Header(title=None, labelExpr="'block ' + datum.value", labelFontWeight="bold")
    faceted = chart.facet(facet=alt.Facet("block:N", header=header), columns=3)
    return faceted.resolve_scale(x="independent").properties(description=sensitivity_alt(frame))


def sensitivity_alt(frame: pd.DataFrame) -> str:
    """The chart in words."""
    measured = int((frame["measured"] & (frame["share"] < 1)).sum())
    return (
        f"Validation accuracy against clusters kept, one block at a time and the others dense; {measured} networks "
        f"measured. {sensitivity_title(frame)}."
    )


def exchange_data(rows: Sequence[RemovalCost]) -> pd.DataFrame:
    """A row a block in the order given: `block`, `count`, saved `macs` and `parameters`, `loss` and `per_mac`.

    `per_mac` is the loss for a million MACs saved; both are shares. `says` is the row in words.
    """
    return pd.DataFrame(
        {
            "block": row.block,
            "count": row.count,
            "macs": row.macs,
            "parameters": row.parameters,
            "loss": row.loss,
            "per_mac": row.loss_per_million_macs,
            "says": exchange_words(row),
        }
        for row in rows
    )


def exchange_words(row: RemovalCost) -> str:
    """`One cluster fewer saves 0.3 M MACs and costs 0.02 points`."""
    if row.at_one:
        return "One cluster is left: none can go"
    saved = f"One cluster fewer saves {row.macs / 1e6:.2f}{fmt.NBSP}M MACs and {row.parameters:,} parameters"
    if not row.known:
        return f"{saved}; what it costs was not measured"
    return f"{saved} and costs {_points(row.loss, 2)}"


def exchange_title(frame: pd.DataFrame) -> str:
    """The finding: where MACs are cheapest now, and where dearest."""
    known = frame.dropna(subset="per_mac")
    if known.empty:
        return "Nothing can go, or nobody measured what it costs"
    cheap, dear = known.iloc[0], known.iloc[-1]
    if len(known) == 1:
        return f"Only in block {cheap['block']} is it known what a cluster costs"
    return (
        f"A million MACs are cheapest in block {cheap['block']}, {_points(cheap['per_mac'], 2)}, "
        f"and dearest in block {dear['block']}, {_points(dear['per_mac'], 2)}"
    )


def exchange_chart(frame: pd.DataFrame) -> Drawing:
    """A bar a block, cheapest first: points lost for a million MACs saved by one cluster fewer."""
    shown = frame.dropna(subset="per_mac").assign(points=lambda each: 100 * each["per_mac"])
    base = alt.Chart(shown).encode(
        y=alt.Y(
            "block:N", sort=[str(block) for block in frame["block"]], title="block", axis=alt.Axis(labelOverlap=False)
        ),
        x=alt.X("points:Q", title="points lost for a million MACs saved", axis=alt.Axis(format="~g")),
        tooltip=[
            "block:N",
            alt.Tooltip("count:Q", title="clusters now"),
            alt.Tooltip("macs:Q", format=",", title="MACs saved"),
            alt.Tooltip("parameters:Q", format=",", title="parameters saved"),
            alt.Tooltip("loss:Q", format=".3%", title="accuracy lost"),
        ],
    )
    bars = base.mark_bar(color=palette.BLUE, height=14)
    figures = base.mark_text(align="left", dx=4, color=palette.GREY).encode(text=alt.Text("points:Q", format=".2f"))
    return alt.layer(bars, figures).properties(height=24 * max(1, len(shown)) + 20, description=exchange_alt(frame))


def exchange_alt(frame: pd.DataFrame) -> str:
    """The chart in words."""
    return f"Bars of what a million MACs cost in each block, cheapest first. {exchange_title(frame)}."


def _curve(base: alt.Chart, y: dict[str, Any]) -> list[Drawing]:
    """The interval, the curve and the dense network's accuracy; `y` are settings of the axis that they share."""
    band = base.mark_area(opacity=0.18, color=palette.BLUE).encode(y=alt.Y("low:Q", **y), y2="high:Q")
    line = base.mark_line(strokeWidth=2, color=palette.BLUE)
    dense = alt.Chart().mark_rule(color=palette.GREY, strokeDash=[6, 4]).encode(y=alt.Y("mean(dense):Q", **y))
    return [band, dense, line]


def _dots(base: alt.Chart, size: int) -> Drawing:
    tooltip = [
        "block:N",
        alt.Tooltip("count:Q", title="clusters"),
        alt.Tooltip("accuracy:Q", format=".2%"),
        alt.Tooltip("low:Q", format=".2%", title="95 % from"),
        alt.Tooltip("high:Q", format=".2%", title="to"),
        alt.Tooltip("loss:Q", format=".2%", title="lost against dense"),
    ]
    dots = base.transform_filter("datum.measured").mark_point(filled=True, size=size, opacity=1, color=palette.BLUE)
    return dots.encode(tooltip=tooltip)


def _present(base: alt.Chart, size: int) -> Drawing:
    return base.transform_filter("datum.present").mark_point(
        filled=True, size=size, opacity=1, color=palette.ORANGE, shape="diamond"
    )


def _points(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}{fmt.NBSP}points"
