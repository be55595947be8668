"""Scatter matrix of up to six variables, with Pearson's correlations above the diagonal."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Chosen, Drawing, clickable
from roboreg_core.charts.correlation_heatmap import correlation_title
from roboreg_core.charts.point_scatter import SELECTION
from roboreg_core.correlation.correlations import PEARSON, Correlation
from roboreg_core.correlation.variables import ACCURACIES, columns, settings_of, words
from roboreg_core.errors import SpecError
from roboreg_core.wording import fmt
from roboreg_core.wording.correlation_findings import number, with_interval

MOST = 6
# More points are thinned evenly: 15 panels of them would be slow to draw and hard to read.
MOST_POINTS = 400
_MARGIN = 0.09
_PARTS = ["part", "x", "y", "text", "row", "column", "schedule", "record"]


def default_variables(found: Correlation) -> tuple[str, ...]:
    """Names of the variables to show first: the three widths that correlate most with accuracy, accuracy, costs."""
    settings = list(settings_of(found.names))
    if found.accuracy:
        cells = found.cells[PEARSON]
        settings.sort(key=lambda name: -abs(cells[name][found.accuracy].value))
    leading = [name for name in settings_of(found.names) if name in settings[:3]]
    others = [name for name in (found.accuracy, "parameters", "macs") if name in found.names]
    return (*leading, *others)


def scatter_matrix_data(
    table: pd.DataFrame, found: Correlation, names: Sequence[str], variables: str = ""
) -> pd.DataFrame:
    """One row per mark of the matrix: points below the diagonal, names on it, correlations above it.

    Columns: `part` (`point`, `name` or `value`), coordinates `x` and `y`, `text`, labels of the variables in `row` and
    `column`, `schedule`, `record`.

    Args:
        table: the points from which `found` was computed.
        found: the correlations.
        names: 2 to 6 variables of `found`.
        variables: `stages` or `blocks`, see `correlation.variables.columns`.

    Returns:
        The frame; the unit of `x` and `y` is a panel, the origin the upper left corner.

    Raises `SpecError`: too few or too many variables, or unknown ones.
    """
    unknown = set(names) - set(found.names)
    if not 2 <= len(set(names)) == len(names) <= MOST or unknown:
        raise SpecError(f"a scatter matrix needs 2..{MOST} different variables of {found.names}, got {tuple(names)}")
    points = columns(table, variables).sort_values(["schedule", "seed", "record"])
    points = points.iloc[:: max(1, -(-len(points) // MOST_POINTS))]
    places = {name: _placed(points[name]) for name in names}
    parts = []
    for row, down in enumerate(names):
        parts.append(_text("name", row, row, f"{words(down)}\n{_range(points[down], down)}", down, down))
        for column, across in enumerate(names[:row]):
            parts.append(
                pd.DataFrame(
                    {
                        "part": "point",
                        "x": column + places[across],
                        "y": row + 1 - places[down],
                        "text": "",
                        "row": words(down),
                        "column": words(across),
                        "schedule": points["schedule"],
                        "record": points["record"],
                    }
                ).dropna(subset=["x", "y"])
            )
            cell = found.cells[PEARSON][down][across]
            text = number(cell.value) if cell.is_clear else "not\nsignificant"
            parts.append(_text("value", column, row, text, across, down, with_interval(cell)))
    return pd.concat(parts, ignore_index=True)[_PARTS]


def scatter_matrix_chart(
    frame: pd.DataFrame, ink: str = palette.INK, chosen: Chosen = (), alt_text: str = ""
) -> Drawing:
    """Chart of `scatter_matrix_data`'s frame, text in the colour `ink`; a click is the selection `point`.

    `chosen` points are selected initially; `alt_text` is the alternative text, see `scatter_matrix_alt`.
    """
    panels = int((frame["part"] == "name").sum())
    domain = [0, panels]
    base = alt.Chart(frame).encode(
        x=alt.X("x:Q", axis=None, scale=alt.Scale(domain=domain, nice=False)),
        y=alt.Y("y:Q", axis=None, scale=alt.Scale(domain=domain, nice=False, reverse=True)),
    )
    point = clickable(SELECTION, ("record",), chosen)
    points = (
        base.transform_filter(alt.datum["part"] == "point")
        .mark_circle(opacity=0.7, cursor="pointer")
        .encode(
            color=alt.condition(point, alt.value(palette.ORANGE), alt.value(palette.BLUE), empty=False),
            size=alt.condition(point, alt.value(90), alt.value(28), empty=False),
            tooltip=[
                alt.Tooltip("schedule:N"),
                alt.Tooltip("column:N", title="x axis"),
                alt.Tooltip("row:N", title="y axis"),
            ],
        )
        .add_params(point)
    )
    names = base.transform_filter(alt.datum["part"] == "name").mark_text(lineBreak="\n", fontSize=11, color=ink, dy=-6)
    values = base.transform_filter(alt.datum["part"] == "value").mark_text(lineBreak="\n", fontSize=13, color=ink)
    tooltip = [
        alt.Tooltip("column:N", title="of"),
        alt.Tooltip("row:N", title="with"),
        alt.Tooltip("schedule:N", title="Pearson, 95 %"),
    ]
    return alt.layer(
        _lines(panels), points, names.encode(text="text:N"), values.encode(text="text:N", tooltip=tooltip)
    ).properties(height=105 * panels, description=alt_text or "Scatter matrix.")


def scatter_matrix_alt(frame: pd.DataFrame, found: Correlation) -> str:
    """Alternative text of the chart of `scatter_matrix_data`'s frame; `found` holds the correlations."""
    panels = int((frame["part"] == "name").sum())
    return (
        f"Scatters of every two of {fmt.plural(panels, 'variable')}, with Pearson's correlations above the diagonal. "
        f"{correlation_title(found, PEARSON)}."
    )


def _placed(values: pd.Series[float]) -> pd.Series[float]:
    """Position of each value in its panel, 0..1, within the margins."""
    spread = values.max() - values.min()
    return _MARGIN + (1 - 2 * _MARGIN) * (values - values.min()) / (spread or 1)


def _text(part: str, row: int, column: int, text: str, down: str, across: str, interval: str = "") -> pd.DataFrame:
    """A text in the middle of a panel."""
    facts = {"row": words(down), "column": words(across), "schedule": interval, "record": ""}
    return pd.DataFrame([{"part": part, "x": column + 0.5, "y": row + 0.5, "text": text, **facts}])


def _range(values: pd.Series[float], name: str) -> str:
    return f"{_short(float(values.min()), name)} to {_short(float(values.max()), name)}"


def _short(value: float, name: str) -> str:
    if name in ACCURACIES:
        return fmt.percent(value, 0)
    if name == "parameters":
        return f"{value / 1e3:.0f}{fmt.NBSP}k"
    return fmt.millions(value) if name == "macs" else f"{value:.3g}"


def _lines(panels: int) -> Drawing:
    """Edges of the panels."""
    edges = alt.Chart(pd.DataFrame({"edge": range(panels + 1)}))
    marks = edges.mark_rule(color=palette.GREY, opacity=0.35)
    return alt.layer(marks.encode(x=alt.X("edge:Q", axis=None)), marks.encode(y=alt.Y("edge:Q", axis=None)))
