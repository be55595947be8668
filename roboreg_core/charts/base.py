"""What all charts share: turning one into a plain specification that carries its data with it."""

from __future__ import annotations

from typing import Any

import altair as alt

Drawing = alt.Chart | alt.LayerChart | alt.FacetChart


def specification(chart: Drawing) -> dict[str, Any]:
    """The Vega-Lite JSON object of a chart, data inside; making it is the slow part, so callers keep it."""
    spec: dict[str, Any] = chart.to_dict()
    return spec
