"""Charts as SVG to put into a page: drawn without a browser, stripped to shapes and text, in the page's own ink."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from roboreg_core.charts.base import Drawing, specification
from roboreg_core.errors import ReportError
from roboreg_core.report.markup import Markup, speakable

INK = "currentColor"
# Text and axes take the colour of the text around them, so that one drawing serves light, dark and paper.
_CONFIG: dict[str, Any] = {
    "background": None,
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK,
        "titleColor": INK,
        "domainColor": INK,
        "tickColor": INK,
        "gridColor": INK,
        "gridOpacity": 0.15,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "legend": {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "symbolSize": 90},
}
# Longer texts take seconds to measure and no one could read them; no chart of ours has one but from a name. What sets
# two names apart, the beginning of an id, stands at the end.
LONGEST_TEXT, HEAD, TAIL = 1_000, 80, 20
_SVG = "http://www.w3.org/2000/svg"
_ELEMENTS = {
    "svg",
    "g",
    "path",
    "line",
    "rect",
    "circle",
    "text",
    "tspan",
    "defs",
    "clipPath",
    "linearGradient",
    "stop",
}
_ATTRIBUTES = {
    "clip-path", "cx", "cy", "d", "dx", "dy", "fill", "fill-opacity", "font-family", "font-size", "font-style",
    "font-weight", "height", "id", "offset", "opacity", "r", "rx", "ry", "stop-color", "stroke", "stroke-dasharray",
    "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stroke-opacity", "stroke-width",
    "text-anchor", "transform", "viewBox", "width", "x", "x1", "x2", "y", "y1", "y2",
}  # fmt: skip
_WITHIN = re.compile(r"url\(#([\w-]+)\)")


def drawn(chart: Drawing, name: str, alt: str, width: int = 640) -> Markup:
    """A chart as an `<svg>` element; `name` is unique in the page, `alt` the chart in words, `width` in pixels.

    Raises `ReportError` where the drawing has anything but shapes and text.
    """
    import vl_convert

    # A sign that XML cannot hold would end the whole process in there.
    spec = _speakable({**specification(chart), "width": width})
    return _stripped(vl_convert.vegalite_to_svg(spec, config=_CONFIG, allowed_base_urls=[]), name, alt)


def _speakable(value: Any) -> Any:
    if isinstance(value, str):
        text = speakable(value)
        return text if len(text) <= LONGEST_TEXT else f"{text[:HEAD]}…{text[-TAIL:]}"
    if isinstance(value, dict):
        return {speakable(key): _speakable(each) for key, each in value.items()}
    return [_speakable(each) for each in value] if isinstance(value, list) else value


def _stripped(svg: str, name: str, alt: str) -> Markup:
    root = ET.fromstring(speakable(svg))
    # Numbered anew: the drawing program goes on counting from one chart to the next.
    ids = {
        value: str(place)
        for place, value in enumerate(each.attrib["id"] for each in root.iter() if "id" in each.attrib)
    }
    for element in root.iter():
        space, _, local = element.tag[1:].partition("}")
        if space != _SVG or local not in _ELEMENTS:
            raise ReportError(f"a chart must be shapes and text alone, got <{local or element.tag}>; leave it out")
        element.tag = local
        kept = {key: value for key, value in element.attrib.items() if key in _ATTRIBUTES}
        element.attrib.clear()
        element.attrib.update({key: _own(key, value, name, ids) for key, value in kept.items()})
    root.attrib.update({"xmlns": _SVG, "role": "img", "aria-label": alt})
    return Markup(ET.tostring(root, encoding="unicode"))


def _own(key: str, value: str, name: str, ids: Mapping[str, str]) -> str:
    """The same, with identifiers that no other chart in the page has; anything but a reference within is refused."""
    if key == "id":
        return f"{name}-{ids[value]}"
    renamed = _WITHIN.sub(lambda found: f"url(#{name}-{ids.get(found[1], found[1])})", value)
    if "url(" in _WITHIN.sub("", value) or "javascript:" in value.lower():
        raise ReportError(f"a chart must refer to its own parts alone, got {value[:60]!r}; leave it out")
    return renamed
