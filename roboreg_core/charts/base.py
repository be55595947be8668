"""What all charts share: turning one into a plain specification that carries its data with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

Drawing = alt.Chart | alt.LayerChart | alt.FacetChart
# Marks that are chosen from the beginning: the selection's fields with their values.
Chosen = Sequence[Mapping[str, str]]


def clickable(name: str, fields: Sequence[str], chosen: Chosen = ()) -> alt.Parameter:
    """A selection of marks by click, with those that are chosen from the beginning."""
    value: Any = {"value": [dict(each) for each in chosen]} if chosen else {}
    return alt.selection_point(fields=list(fields), name=name, **value)


def specification(chart: Drawing) -> dict[str, Any]:
    """The Vega-Lite JSON object of a chart, data inside; making it is the slow part, so callers keep it."""
    spec: dict[str, Any] = chart.to_dict()
    return spec
