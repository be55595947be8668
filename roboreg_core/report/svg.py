"""Charts as inline SVG: rendered without a browser, reduced to shapes and text, in the page's text colour."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from markupsafe import Markup

from roboreg_core.charts.base import Drawing, specification
from roboreg_core.errors import ReportError
from roboreg_core.report.jinja_environment import replace_invalid

# Text and axes take the colour of the surrounding text, so that one drawing serves light, dark and paper.
INK = "currentColor"
_CONFIG: dict[str, Any] = {
    "background": None,
    "view": {"stroke": None},
    "axis": {
        **dict.fromkeys(("labelColor", "titleColor", "domainColor", "tickColor", "gridColor"), INK),
        "gridOpacity": 0.15,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "legend": {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "symbolSize": 90},
}
# Pixels; the width of a chart beside another one is the second.
WIDTH, HALF_WIDTH = 640, 340
# Only a name can be longer, and takes seconds to measure. Its end is kept too: there the id tells equal names apart.
LONGEST_TEXT, HEAD, TAIL = 1_000, 80, 20
_SVG = "http://www.w3.org/2000/svg"
_ELEMENTS = {
    "svg", "g", "path", "line", "rect", "circle", "text", "tspan", "defs", "clipPath", "linearGradient", "stop",
}  # fmt: skip
_ATTRIBUTES = {
    "clip-path", "cx", "cy", "d", "dx", "dy", "fill", "fill-opacity", "font-family", "font-size", "font-style",
    "font-weight", "height", "id", "offset", "opacity", "r", "rx", "ry", "stop-color", "stroke", "stroke-dasharray",
    "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stroke-opacity", "stroke-width",
    "text-anchor", "transform", "viewBox", "width", "x", "x1", "x2", "y", "y1", "y2",
}  # fmt: skip
_WITHIN = re.compile(r"url\(#([\w-]+)\)")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart as `<svg>` element under its title."""

    title: str
    svg: Markup


def figure(chart: Drawing, name: str, title: str, width: int = WIDTH) -> Figure:
    """Render a chart; its `description` becomes the text alternative.

    Arguments:
        chart: the Altair chart.
        name: prefix of the drawing's ids, unique in the page.
        title: the finding above it.
        width: in pixels.

    Raises:
        ReportError: the drawing has anything but shapes and text.
    """
    import vl_convert

    # A character that XML cannot hold would end the process there.
    spec = {**specification(chart), "width": width}
    svg = vl_convert.vegalite_to_svg(_valid(spec), config=_CONFIG, allowed_base_urls=[])
    return Figure(title=title, svg=_sanitized(svg, name, spec["description"]))


def _valid(value: Any) -> Any:
    if isinstance(value, str):
        text = replace_invalid(value)
        return text if len(text) <= LONGEST_TEXT else f"{text[:HEAD]}…{text[-TAIL:]}"
    if isinstance(value, dict):
        return {replace_invalid(key): _valid(each) for key, each in value.items()}
    return [_valid(each) for each in value] if isinstance(value, list) else value


def _sanitized(svg: str, name: str, alt: str) -> Markup:
    root = ET.fromstring(replace_invalid(svg))
    # Renumbered: vl-convert counts on from one chart to the next.
    found = (element.attrib["id"] for element in root.iter() if "id" in element.attrib)
    ids = {value: str(number) for number, value in enumerate(found)}
    for element in root.iter():
        space, _, local = element.tag[1:].partition("}")
        if space != _SVG or local not in _ELEMENTS:
            raise ReportError(f"a chart must be shapes and text alone, got <{local or element.tag}>; leave it out")
        element.tag = local
        kept = {key: value for key, value in element.attrib.items() if key in _ATTRIBUTES}
        element.attrib.clear()
        element.attrib.update({key: _own(key, value, name, ids) for key, value in kept.items()})
    root.attrib.update({"xmlns": _SVG, "role": "img", "aria-label": alt})
    # The only text that reaches a template as markup.
    return Markup(ET.tostring(root, encoding="unicode"))


def _own(key: str, value: str, name: str, ids: Mapping[str, str]) -> str:
    """Prefix ids and references to them with the chart's name; refuse every other reference."""
    if key == "id":
        return f"{name}-{ids[value]}"
    renamed = _WITHIN.sub(lambda found: f"url(#{name}-{ids.get(found[1], found[1])})", value)
    if "url(" in _WITHIN.sub("", value) or "javascript:" in value.lower():
        raise ReportError(f"a chart must refer to its own parts alone, got {value[:60]!r}; leave it out")
    return renamed
