"""Scatter of measured points over two variables, the data behind one correlation."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Chosen, Drawing, clickable
from roboreg_core.charts.correlation_heatmap import KIND_WORDS
from roboreg_core.correlation.correlations import KINDS, Correlation
from roboreg_core.correlation.variables import STAGE_NAMES, columns, words
from roboreg_core.sweeps.points import is_block
from roboreg_core.wording import fmt
from roboreg_core.wording.correlation_findings import ACCURACY_WORDS, with_interval
from roboreg_core.wording.run_metrics import METRICS

# Name of the selection; its field is `record`, the id of the point's record.
SELECTION = "point"
_AXES: dict[str, tuple[str, str]] = {
    **{name: (f"width of stage {stage} ({name}) in quarters", "~g") for stage, name in enumerate(STAGE_NAMES, start=1)},
    **{name: (words, ".0%") for name, words in ACCURACY_WORDS.items()},
    "parameters": (METRICS["parameters"].axis, "~s"),
    "macs": (METRICS["macs"].axis, "~s"),
    "latency": ("latency of a batch, seconds", "~g"),
}
# Format of an axis -> format of its values in a tooltip.
_TOOLTIP_FORMATS = {".0%": ".2%", "~s": ","}


def axis(name: str) -> tuple[str, str]:
    """Title and number format (d3) of the axis of a variable, e.g. `macs` or `block 3`."""
    return (f"filters kept in {name}", "d") if is_block(name) else _AXES[name]


def scatter_points_data(table: pd.DataFrame, one: str, other: str, variables: str = "") -> pd.DataFrame:
    """One row per point: `x` (variable `one`), `y` (variable `other`), `seed`, `schedule`, `record` (id).

    Points without one of the two values are left out.

    Args:
        table: points from `sweeps.points.frame`.
        one: name of a variable, e.g. `macs`.
        other: name of the other variable.
        variables: `stages`, `blocks` or empty, as for `correlation.variables.columns`.
    """
    points = columns(table, variables)
    frame = pd.DataFrame(
        {"x": points[one], "y": points[other], **{name: points[name] for name in ("seed", "schedule", "record")}}
    )
    return frame.dropna(subset=["x", "y"]).reset_index(drop=True)


def scatter_points_title(found: Correlation, one: str, other: str) -> str:
    """Title: Pearson's and Spearman's correlation of the variables `one` and `other`, with intervals and n."""
    cells = {kind: found.cells[kind][one][other] for kind in KINDS}
    values = " and ".join(
        f"{KIND_WORDS[kind]} {with_interval(cell)}{'' if cell.is_clear else ', not significant'}"
        for kind, cell in cells.items()
    )
    n = cells[KINDS[0]].n
    control = f", controlling for {words(found.control)}, unlike the points" if found.control else ""
    names = fmt.sentence_case(f"{_words(one)} and {_words(other)}")
    return f"{names}: {values}, n = {fmt.plural(n, 'schedule')}{control}"


def scatter_points_chart(
    frame: pd.DataFrame,
    one: str,
    other: str,
    dense: Mapping[str, float] | None = None,
    chosen: Chosen = (),
    ink: str = palette.INK,
) -> Drawing:
    """Scatter of `scatter_points_data`'s frame for the variables `one` and `other`; text in the colour `ink`.

    `dense` has the dense network's accuracy by variable, e.g. `pruned test`, drawn as a line. A click is the selection
    `point`, field `record`; `chosen` points are selected initially.
    """
    titles = {"x": axis(one), "y": axis(other)}
    base = alt.Chart(frame).encode(
        x=_axis(alt.X, "x", *titles["x"]),
        y=_axis(alt.Y, "y", *titles["y"]),
        tooltip=[
            alt.Tooltip("schedule:N"),
            *(
                alt.Tooltip(f"{axis}:Q", title=title, format=_TOOLTIP_FORMATS.get(form, ".4~g"))
                for axis, (title, form) in titles.items()
            ),
            alt.Tooltip("seed:Q"),
        ],
    )
    point = clickable(SELECTION, ("record",), chosen)
    marks = (
        base.mark_circle(size=80, opacity=0.75, color=palette.BLUE, cursor="pointer", stroke=ink)
        .encode(strokeWidth=alt.condition(point, alt.value(2.5), alt.value(0), empty=False))
        .add_params(point)
    )
    rules = [_rule(axis, (dense or {})[name]) for axis, name in (("x", one), ("y", other)) if name in (dense or {})]
    return alt.layer(*rules, marks).properties(height=360, description=scatter_points_alt(frame, one, other))


def scatter_points_alt(frame: pd.DataFrame, one: str, other: str) -> str:
    """Alternative text of the scatter; `frame`, `one`, `other` as for `scatter_points_chart`."""
    return f"Scatter of {axis(other)[0]} against {axis(one)[0]}: {fmt.plural(len(frame), 'point')}."


def _words(name: str) -> str:
    return ACCURACY_WORDS.get(name, words(name))


def _axis(kind: Any, field: str, title: str, form: str) -> Any:
    return kind(
        f"{field}:Q", title=title, axis=alt.Axis(format=form, tickCount=6), scale=alt.Scale(zero=False, padding=14)
    )


def _rule(axis: str, accuracy: float) -> alt.Chart:
    line: alt.Chart = (
        alt.Chart(pd.DataFrame({axis: [accuracy]}))
        .mark_rule(color=palette.GREY, strokeDash=[8, 4], strokeWidth=1.5)
        .encode(
            **{axis: alt.X("x:Q") if axis == "x" else alt.Y("y:Q")},
            tooltip=[alt.Tooltip(f"{axis}:Q", title="dense accuracy", format=".2%")],
        )
    )
    return line
