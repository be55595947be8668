"""Charts as inline SVG: rendered without a browser, reduced to shapes and text, in the text colour of the page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from markupsafe import Markup

from roboreg_core.charts.base import Drawing, specification
from roboreg_core.errors import ReportError
from roboreg_core.report.jinja_environment import replace_invalid

# Text and axes have the colour of the surrounding text, for the light theme, the dark theme and print.
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
# Pixels; `HALF_WIDTH` is for two charts side by side.
WIDTH, HALF_WIDTH = 640, 340
# Longer texts, which are names, take seconds to measure. Their end has the id that makes equal names unique.
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
_LOCAL_REFERENCE = re.compile(r"url\(#([\w-]+)\)")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart as an `<svg>` element, and its title."""

    title: str
    svg: Markup


def figure(chart: Drawing, name: str, title: str, width: int = WIDTH) -> Figure:
    """Chart as inline SVG; its `description` becomes the alternative text.

    Args:
        chart: the Altair chart.
        name: prefix of the element ids, unique in the page.
        title: the finding, shown above the chart.
        width: in pixels.

    Raises `ReportError`: the drawing contains anything but shapes and text.
    """
    import vl_convert

    # vl-convert aborts the process on a character that is invalid in XML.
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
    # Renumbered, since vl-convert numbers ids across charts.
    found = (element.attrib["id"] for element in root.iter() if "id" in element.attrib)
    ids = {value: str(number) for number, value in enumerate(found)}
    for element in root.iter():
        space, _, local = element.tag[1:].partition("}")
        if space != _SVG or local not in _ELEMENTS:
            raise ReportError(f"a chart must contain only shapes and text, got <{local or element.tag}>; leave it out")
        element.tag = local
        kept = {key: value for key, value in element.attrib.items() if key in _ATTRIBUTES}
        element.attrib.clear()
        element.attrib.update({key: _localized(key, value, name, ids) for key, value in kept.items()})
    root.attrib.update({"xmlns": _SVG, "role": "img", "aria-label": alt})
    # The only value that templates do not escape.
    return Markup(ET.tostring(root, encoding="unicode"))


def _localized(key: str, value: str, name: str, ids: Mapping[str, str]) -> str:
    """Prefix ids and references to them with the chart's name; reject any other reference."""
    if key == "id":
        return f"{name}-{ids[value]}"
    renamed = _LOCAL_REFERENCE.sub(lambda found: f"url(#{name}-{ids.get(found[1], found[1])})", value)
    if "url(" in _LOCAL_REFERENCE.sub("", value) or "javascript:" in value.lower():
        raise ReportError(f"a chart must refer only to its own elements, got {value[:60]!r}; leave it out")
    return renamed
