"""Measured points by any two of their variables: what a cell of the correlations is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Chosen, Drawing, clickable
from roboreg_core.charts.correlation_heatmap import KIND_WORDS
from roboreg_core.correlation.correlations import KINDS, Correlation
from roboreg_core.correlation.variables import BLOCK_NAMES, STAGE_NAMES, WORDS, columns
from roboreg_core.wording import fmt
from roboreg_core.wording.correlation_findings import ACCURACY_WORDS, told

# Name of the selection; its field is `record`, the record that a point was read from.
SELECTION = "point"
AXES: dict[str, tuple[str, str]] = {
    **{name: (f"width of stage {stage} ({name}), quarters", "~g") for stage, name in enumerate(STAGE_NAMES, start=1)},
    **{name: (f"clusters in {name}", "d") for name in BLOCK_NAMES},
    "pruned validation": ("accuracy after pruning, validation images", ".0%"),
    "pruned test": ("accuracy after pruning, test images", ".0%"),
    "tuned validation": ("accuracy after fine-tuning, validation images", ".0%"),
    "tuned test": ("accuracy after fine-tuning, test images", ".0%"),
    "parameters": ("parameters", "~s"),
    "macs": ("MACs an image", "~s"),
    "latency": ("latency of a batch, seconds", "~g"),
}


def scatter_points_data(table: pd.DataFrame, one: str, other: str, variables: str = "") -> pd.DataFrame:
    """A row a point of `analysis.points.frame` that has both: `x` (one), `y` (other), seed, schedule and record."""
    points = columns(table, variables)
    frame = pd.DataFrame(
        {"x": points[one], "y": points[other], **{name: points[name] for name in ("seed", "schedule", "record")}}
    )
    return frame.dropna(subset=["x", "y"]).reset_index(drop=True)


def scatter_points_title(found: Correlation, one: str, other: str) -> str:
    """The finding: both correlations with their intervals."""
    cells = {kind: found.cells[kind][one][other] for kind in KINDS}
    values = " and ".join(
        f"{KIND_WORDS[kind]} {told(cell)}{'' if cell.is_clear else ', unclear'}" for kind, cell in cells.items()
    )
    n = cells[KINDS[0]].n
    held = f"; {WORDS[found.given]} held equal there, not in the points" if found.given else ""
    names = f"{_spoken(one)} and {_spoken(other)}"
    return f"{names[:1].upper()}{names[1:]}: {values}, from {fmt.plural(n, 'schedule')}{held}"


def scatter_points_chart(
    frame: pd.DataFrame,
    one: str,
    other: str,
    dense: Mapping[str, float] | None = None,
    chosen: Chosen = (),
    ink: str = "#1B2733",
) -> Drawing:
    """Points to click (selection `point`, field `record`), with the dense network's accuracy where an axis has one.

    `dense` gives the dense network's accuracy by column, e.g. `pruned test`.
    """
    titles = {"x": AXES[one], "y": AXES[other]}
    base = alt.Chart(frame).encode(
        x=_axis(alt.X, "x", *titles["x"]),
        y=_axis(alt.Y, "y", *titles["y"]),
        tooltip=[
            alt.Tooltip("schedule:N"),
            *(alt.Tooltip(f"{axis}:Q", title=title, format=_fine(form)) for axis, (title, form) in titles.items()),
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
    """The chart in words."""
    return f"Scatter of {AXES[other][0]} against {AXES[one][0]}: {fmt.plural(len(frame), 'point')}."


def _spoken(name: str) -> str:
    return ACCURACY_WORDS.get(name, WORDS[name])


def _axis(kind: Any, field: str, title: str, form: str) -> Any:
    return kind(
        f"{field}:Q", title=title, axis=alt.Axis(format=form, tickCount=6), scale=alt.Scale(zero=False, padding=14)
    )


def _fine(form: str) -> str:
    """The format of a value where there is room for it."""
    return {".0%": ".2%", "~s": ","}.get(form, ".4~g")


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
