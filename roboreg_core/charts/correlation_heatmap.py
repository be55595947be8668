"""Pearson's and Spearman's correlations as squares of cells, made to stand side by side: same order, same colours."""

from __future__ import annotations

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Chosen, Drawing, clickable
from roboreg_core.charts.confusion_matrix import LABELS, cell_frame
from roboreg_core.correlation.correlations import KINDS, Correlation
from roboreg_core.correlation.variables import WORDS
from roboreg_core.wording import fmt
from roboreg_core.wording.correlation_findings import LIMITS, lead, number, told

# Name of the selection; its fields are `one` and `other`, names of variables.
SELECTION = "pair"
KIND_WORDS = dict(zip(KINDS, ("Pearson", "Spearman"), strict=True))
RULE = (
    "Each cell: correlation with its 95 % interval (Pearson: Fisher's z; Spearman: bootstrap over schedules). Blank "
    "cells with a dotted edge are unclear: the interval spans zero. Of twenty cells where there is nothing, about one "
    f"looks clear all the same. {LIMITS}"
)
RULE_HELD = (
    "Each cell: what is left of a correlation where a straight line takes away what goes with {held}, with its 95 % "
    "interval (Fisher's z). Blank cells with a dotted edge are unclear: the interval spans zero. "
    f"{LIMITS}"
)
# Numbers have no room in more rows than these, in half the width of a page.
_MOST_WITH_NUMBERS = 9
_LOOKS = {"clear": (1.0, 0.0), "unclear": (0.001, 1.0), "itself": (0.2, 0.0)}


def correlation_data(found: Correlation, kind: str) -> pd.DataFrame:
    """A row a cell: `one` (down) and `other` (across) with their words, `value`, `low`, `high`, `n`, and its look.

    `look` is `clear`, `unclear` (the interval spans zero) or `itself` (a variable with itself).
    """
    rows = []
    for one in found.names:
        for other in found.names:
            cell = found.cells[kind][one][other]
            look = "itself" if one == other else "clear" if cell.is_clear else "unclear"
            depth, edge = _LOOKS[look]
            rows.append(
                {
                    "one": one,
                    "other": other,
                    "down": WORDS[one],
                    "across": WORDS[other],
                    "value": cell.value,
                    "low": cell.low,
                    "high": cell.high,
                    "n": cell.n,
                    "look": look,
                    "text": number(cell.value) if look == "clear" else "",
                    "told": told(cell),
                    "depth": depth,
                    "edge": edge,
                }
            )
    return pd.DataFrame(rows)


def correlation_title(found: Correlation, kind: str) -> str:
    """The finding: what moves with accuracy most."""
    text = lead(found, kind)
    return f"{KIND_WORDS[kind]}: {text[:1].lower()}{text[1:]}"


def correlation_note(found: Correlation) -> str:
    """What the figures rest on, what was left out, and how to read a cell."""
    rule = RULE_HELD.format(held=WORDS[found.given]) if found.given else RULE
    left_out = f"{'. '.join(f'{note[:1].upper()}{note[1:]}' for note in found.notes)}. " if found.notes else ""
    return f"n = {fmt.plural(found.schedules, 'schedule')}. {left_out}{rule}"


def correlation_table(frame: pd.DataFrame) -> pd.DataFrame:
    """The correlations with their intervals as text, a row and a column a variable."""
    order = list(dict.fromkeys(frame["one"]))
    wide: pd.DataFrame = frame.pivot_table(index="one", columns="other", values="told", aggfunc="first")
    return wide.loc[order, order]


def correlation_chart(frame: pd.DataFrame, ink: str = "#1B2733", chosen: Chosen = (), alt_text: str = "") -> Drawing:
    """Cells to click (selection `pair`): blue together, orange against each other, blank and dotted where unclear."""
    order = list(dict.fromkeys(frame["down"]))
    apart = alt.Scale(paddingInner=0.06, paddingOuter=0.03)
    base = alt.Chart(frame).encode(
        x=alt.X(
            "across:N", sort=order, title=None, scale=apart, axis=alt.Axis(**LABELS, labelAngle=-45, orient="bottom")
        ),
        y=alt.Y("down:N", sort=order, title=None, scale=apart, axis=alt.Axis(**LABELS)),
        tooltip=[
            alt.Tooltip("down:N", title="of"),
            alt.Tooltip("across:N", title="with"),
            alt.Tooltip("value:Q", title="correlation", format=".4f"),
            alt.Tooltip("low:Q", title="95 % from", format=".4f"),
            alt.Tooltip("high:Q", title="to", format=".4f"),
            alt.Tooltip("n:Q", title="schedules"),
            alt.Tooltip("look:N", title="is"),
        ],
    )
    scale = alt.Scale(
        domain=[-1, 0, 1], range=[palette.LOSS, "#FFFFFF", palette.GAIN], type="linear", interpolate="lab"
    )
    legend = alt.Legend(
        title=["correlation", "blank and dotted: interval spans zero"],
        orient="top",
        gradientLength=200,
        values=[-1, -0.5, 0, 0.5, 1],
        titleLimit=300,
    )
    cells = base.mark_rect(stroke=palette.GREY, strokeDash=[2, 3], strokeWidth=1.5, cursor="pointer").encode(
        color=alt.condition(
            alt.datum["look"] == "clear", alt.Color("value:Q", scale=scale, legend=legend), alt.value(palette.GREY)
        ),
        fillOpacity=alt.FillOpacity("depth:Q", scale=None),
        strokeOpacity=alt.StrokeOpacity("edge:Q", scale=None),
    )
    pair = clickable(SELECTION, ("one", "other"), chosen)
    layers = [cells.add_params(pair)]
    if len(order) <= _MOST_WITH_NUMBERS:
        # Clear cells are light or of middling tone on every theme, so their ink is dark.
        layers.append(base.mark_text(fontSize=11, color="#1B2733", aria=False).encode(text="text:N"))
    return alt.layer(*layers, cell_frame(base, pair, ink)).properties(
        height=30 * len(order) + 150, description=alt_text or "Correlations of every two variables."
    )


def correlation_alt(found: Correlation, kind: str) -> str:
    """The chart in words."""
    cells = found.cells[kind]
    pairs = [cells[one][other] for place, one in enumerate(found.names) for other in found.names[:place]]
    held = f", {WORDS[found.given]} held equal" if found.given else ""
    unclear = sum(not cell.is_clear for cell in pairs)
    return (
        f"{KIND_WORDS[kind]}'s correlations of {fmt.plural(len(found.names), 'variable')} over "
        f"{fmt.plural(found.schedules, 'schedule')}{held}; {unclear} of {len(pairs)} pairs unclear. "
        f"{correlation_title(found, kind)}."
    )
