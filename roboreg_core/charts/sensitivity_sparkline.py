"""A block's sensitivity curve as a strip of HTML under its slider, over the same counts from left to right.

Not an Altair chart, since the browser would redraw one per block on every change. The curve is an image because
Streamlit removes SVG elements from HTML.
"""

import html
from urllib.parse import quote

from roboreg_core.charts import palette
from roboreg_core.prediction.sensitivity import SensitivityCurve, SensitivityCurves
from roboreg_core.wording import fmt

HEIGHT = 24
# Above and below the curve, in pixels.
_MARGIN = 4
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 {height}" preserveAspectRatio="none">'
    '<path d="M{first},{height} L{points} L100,{height} Z" fill="{colour}" fill-opacity="0.16"></path>'
    '<path d="M0,{dense} L100,{dense}" stroke="{grey}" stroke-dasharray="4 3" vector-effect="non-scaling-stroke">'
    "</path>"
    '<path d="M{points}" fill="none" stroke="{colour}" stroke-width="1.6" vector-effect="non-scaling-stroke"></path>'
    "</svg>"
)
_IMAGE = f"display:block;width:100%;max-width:none;height:{HEIGHT}px"
_MARK = (
    '<span style="position:absolute;left:{left:.2f}%;top:{top:.1f}px;width:8px;height:8px;margin:-4px 0 0 -4px;'
    'background:{colour};transform:rotate(45deg)"></span>'
)


def lowest(curves: SensitivityCurves) -> float:
    """The lowest measured accuracy (0..1) of all curves, the `floor` for every `sparkline`."""
    return min(curve.accuracy(count) for curve in curves for count in curve.counts)


def sparkline(curve: SensitivityCurve, count: int, floor: float) -> str:
    """A block's sensitivity curve as an HTML strip, dense accuracy dashed.

    Args:
        curve: accuracy by the number of filters kept.
        count: the number of filters to mark.
        floor: accuracy (0..1) at the bottom of the strip.
    """
    ceiling = max(curve.accuracy(each) for each in curve.counts)
    known = range(curve.lowest, curve.bound + 1)
    points = " L".join(
        f"{_across(curve, each):.2f},{_down(curve.accuracy(each), floor, ceiling):.1f}" for each in known
    )
    drawn = _SVG.format(
        height=HEIGHT,
        points=points,
        first=f"{_across(curve, curve.lowest):.2f}",
        dense=f"{_down(curve.accuracy(curve.bound), floor, ceiling):.1f}",
        colour=palette.BLUE,
        grey=palette.GREY,
    )
    mark = ""
    if curve.covers(count):
        top = _down(curve.accuracy(count), floor, ceiling)
        mark = _MARK.format(left=_across(curve, count), top=top, colour=palette.ORANGE)
    text = html.escape(sparkline_words(curve, count))
    style = f"position:relative;height:{HEIGHT}px"
    image = f'<img alt="{text}" src="data:image/svg+xml,{quote(drawn)}" style="{_IMAGE}">'
    return f'<div title="{text}" style="{style}">{image}{mark}</div>'


def sparkline_words(curve: SensitivityCurve, count: int) -> str:
    """Text on the change of accuracy with `count` filters kept in this block and the other blocks dense."""
    name = f"Block {curve.block}"
    if len(curve.measured) == 1:
        return f"{name}: not measured"
    if count == curve.bound:
        return f"{name}: all {curve.bound} filters, no loss"
    if not curve.covers(count):
        return f"{name}: not measured at so few filters"
    change = fmt.signed_points(-curve.loss(count))
    return f"{name} alone at {count} of {curve.bound}: {change} ({fmt.percent(curve.accuracy(count))})"


def _across(curve: SensitivityCurve, count: int) -> float:
    """Position of a count in percent of the slider's length."""
    return 100 * (count - 1) / (curve.bound - 1)


def _down(accuracy: float, floor: float, ceiling: float) -> float:
    """Distance of an accuracy from the strip's upper edge, in pixels."""
    share = (ceiling - accuracy) / (ceiling - floor) if ceiling > floor else 0.0
    return _MARGIN + share * (HEIGHT - 2 * _MARGIN)
