"""The confusion matrix: true classes in rows, predicted classes in columns, as counts or shares of a row."""

from typing import Any

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Chosen, Drawing, clickable
from roboreg_core.wording import fmt

# With more classes, cells of zeros have no figure, and names are upright.
FEW = 10
# Depth of colour from which text is white.
WHITE_FROM = 0.6
# Name of the selection; its fields are `true` and `predicted`.
SELECTION = "cell"
# Draw the name of every class.
LABELS: dict[str, Any] = {"labelOverlap": False}


def confusion_data(report: dict[str, Any]) -> pd.DataFrame:
    """One row per cell: classes `true` and `predicted`, `count` of images, `share` of the true class's images (0..1).

    `report` is an `evaluation.metrics.Report` as JSON.
    """
    names = [row["name"] for row in report["per_class"]]
    return pd.DataFrame(
        {
            "true": true,
            "predicted": predicted,
            "count": count,
            "share": count / max(sum(counts), 1),
        }
        for true, counts in zip(names, report["confusion"], strict=True)
        for predicted, count in zip(names, counts, strict=True)
    )


def confused_classes(frame: pd.DataFrame, values: str = "count") -> pd.Series:
    """Per class, the sum of absolute `values` (a column of `frame`) in its row and its column, without the diagonal."""
    wrong = frame[frame["true"] != frame["predicted"]].assign(size=lambda each: each[values].abs())
    rows, columns = (wrong.groupby(axis, sort=False)["size"].sum() for axis in ("true", "predicted"))
    return rows.add(columns, fill_value=0).reindex(frame["true"].unique(), fill_value=0)


def confusion_title(frame: pd.DataFrame) -> str:
    """Title for `confusion_data`'s frame: the most frequent confusion."""
    wrong = frame[frame["true"] != frame["predicted"]]
    total = int(wrong["count"].sum())
    if total == 0:
        return "Every image is classified correctly"
    top = wrong.iloc[int(wrong["count"].argmax())]
    return (
        f"Most frequent confusion: {top['true']} predicted as {top['predicted']}, "
        f"{fmt.plural(int(top['count']), 'image')} of {total:,} misclassified"
    )


def confusion_table(frame: pd.DataFrame, values: str) -> pd.DataFrame:
    """A frame with columns `true`, `predicted` and `values` as a matrix: true classes in rows, predicted in columns."""
    order = list(dict.fromkeys(frame["true"]))
    return frame.pivot_table(index="true", columns="predicted", values=values, sort=False).reindex(order)[order]


def confusion_chart(frame: pd.DataFrame, values: str = "count", ink: str = palette.INK, chosen: Chosen = ()) -> Drawing:
    """Chart of `confusion_data`'s frame; a click on a cell is the selection `cell`, `chosen` cells are framed.

    `values` is `count` or `share`, `ink` the theme's text colour. The opacity of a cell grows with the square root of
    its share, so that errors are visible beside a much larger diagonal.
    """
    base = class_grid(
        frame,
        alt.Tooltip("count:Q", title="images", format=","),
        alt.Tooltip("share:Q", title="of the true class", format=".1%"),
    )
    cells = base.mark_rect(color=palette.CELL, cursor="pointer").encode(
        opacity=alt.Opacity("share:Q", scale=alt.Scale(type="sqrt", domain=[0, 1], range=[0.03, 1]), legend=None)
    )
    # sqrt(share) is the depth of the colour behind the text.
    text = (
        filled_cells(base, frame)
        .mark_text(fontSize=11)
        .encode(
            text=alt.Text(f"{values}:Q", format=",d" if values == "count" else ".1%"),
            color=alt.condition(alt.datum["share"] >= WHITE_FROM**2, alt.value(palette.WHITE), alt.value(ink)),
        )
    )
    return class_cells(base, cells, text, ink, chosen).properties(description=confusion_alt(frame))


def class_grid(frame: pd.DataFrame, *tooltips: alt.Tooltip) -> alt.Chart:
    """Base chart, without marks, of a frame with one row per cell: `true` on the y axis, `predicted` on the x axis.

    `tooltips` are shown after the two classes.
    """
    order = list(dict.fromkeys(frame["true"]))
    across = alt.Axis(**LABELS, labelAngle=-45 if len(order) <= FEW else -90, orient="bottom")
    classes = [alt.Tooltip("true:N", title="true class"), alt.Tooltip("predicted:N", title="predicted class")]
    grid: alt.Chart = alt.Chart(frame).encode(
        x=alt.X("predicted:N", sort=order, title="predicted class", axis=across),
        y=alt.Y("true:N", sort=order, title="true class", axis=alt.Axis(**LABELS)),
        tooltip=[*classes, *tooltips],
    )
    return grid


def filled_cells(base: alt.Chart, frame: pd.DataFrame, values: str = "count") -> alt.Chart:
    """The chart `base`; with more than `FEW` classes, without the cells where the column `values` is 0."""
    return base.transform_filter(f"datum.{values} != 0") if frame["true"].nunique() > FEW else base


def class_cells(base: alt.Chart, cells: alt.Chart, text: alt.Chart, ink: str, chosen: Chosen) -> Drawing:
    """Join the layers `cells` and `text`, both made from `base`, a chart of `class_grid`.

    A click is the selection `cell`; `chosen` cells are framed in the colour `ink`.
    """
    cell = clickable(SELECTION, ("true", "predicted"), chosen)
    return alt.layer(cells.add_params(cell), text, cell_frame(base, cell, ink)).properties(height=540)


def cell_frame(base: alt.Chart, cell: alt.Parameter, ink: str) -> alt.Chart:
    """Layer of the chart `base` that frames the cells selected by the parameter `cell` in the colour `ink`."""
    frame: alt.Chart = base.mark_rect(filled=False, stroke=ink, strokeWidth=2.5, aria=False).encode(
        strokeOpacity=alt.condition(cell, alt.value(1), alt.value(0), empty=False)
    )
    return frame


def confusion_alt(frame: pd.DataFrame) -> str:
    """Alternative text of `confusion_chart(frame)`."""
    right = int(frame.loc[frame["true"] == frame["predicted"], "count"].sum())
    total = int(frame["count"].sum())
    return f"Confusion matrix of {total:,} images, {right:,} on the diagonal. {confusion_title(frame)}."
