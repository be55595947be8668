"""Parts that all charts share."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from roboreg_core.charts import palette

# Charts of many marks thin them out themselves, see `thinning`.
alt.data_transformers.disable_max_rows()

Drawing = alt.Chart | alt.LayerChart | alt.FacetChart
# Initially selected marks: values of the selection's fields.
Chosen = Sequence[Mapping[str, str]]
# Axis and scale of accuracies and recalls.
PERCENT_AXIS = alt.Axis(format=".0%", tickMinStep=0.01)
RATE: dict[str, Any] = {"axis": PERCENT_AXIS, "scale": alt.Scale(zero=False, nice=True)}


def clickable(name: str, fields: Sequence[str], chosen: Chosen = ()) -> alt.Parameter:
    """A click selection called `name` over the frame's columns `fields`; `chosen` marks are selected initially."""
    value: Any = {"value": [dict(each) for each in chosen]} if chosen else {}
    return alt.selection_point(fields=list(fields), name=name, **value)


def diverging_scale(largest: float) -> alt.Scale:
    """Colour scale from loss (-largest) over white (0) to gain (largest)."""
    colours = [palette.LOSS, palette.WHITE, palette.GAIN]
    return alt.Scale(domain=[-largest, 0, largest], range=colours, type="linear", interpolate="lab")


def specification(chart: Drawing) -> dict[str, Any]:
    """Vega-Lite specification of a chart with its data, as a JSON object; slow, so callers cache it."""
    spec: dict[str, Any] = chart.to_dict()
    return spec
