"""Pearson's and Spearman's correlations as heatmaps of the same order and colours."""

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Chosen, Drawing, clickable, diverging_scale
from roboreg_core.charts.confusion_matrix import LABELS, cell_frame
from roboreg_core.correlation.correlations import KINDS, Correlation
from roboreg_core.correlation.variables import words
from roboreg_core.wording import fmt
from roboreg_core.wording.correlation_findings import LIMITS, number, strongest_correlation, with_interval

# Name of the selection; its fields are `one` and `other`, variable names.
SELECTION = "pair"
KIND_WORDS = dict(zip(KINDS, ("Pearson", "Spearman"), strict=True))
RULE = (
    "Each cell: correlation with its 95 % interval (Pearson: Fisher's z; Spearman: bootstrap over schedules). Blank "
    "cells with a dotted edge are not significant: the interval contains zero. Without any correlation, about one cell "
    f"of twenty would still be significant. {LIMITS}"
)
PARTIAL_RULE = (
    "Each cell: partial correlation controlling for {control} (linear), with its 95 % interval (Fisher's z). Blank "
    f"cells with a dotted edge are not significant: the interval contains zero. {LIMITS}"
)
# More rows leave no room for numbers in half the width of a page.
_MOST_WITH_NUMBERS = 9
SIGNIFICANT, NOT_SIGNIFICANT, ITSELF = "significant", "not significant", "same variable"
# Opacity of a cell and of its dotted edge.
_LOOKS = {SIGNIFICANT: (1.0, 0.0), NOT_SIGNIFICANT: (0.001, 1.0), ITSELF: (0.2, 0.0)}


def correlation_data(found: Correlation, kind: str) -> pd.DataFrame:
    """One row per cell of the correlation matrix of a `kind`, `pearson` or `spearman`.

    Columns: variables `one` (row) and `other` (column) with labels `down` and `across`; correlation `value` with 95 %
    interval `low` to `high` over `n` schedules; `look`: `significant`, `not significant` (the interval contains zero)
    or `same variable`; `text` and `with_interval`, the value as text; `depth` and `edge`, opacities of cell and edge.
    """
    rows = []
    for one in found.names:
        for other in found.names:
            cell = found.cells[kind][one][other]
            look = ITSELF if one == other else SIGNIFICANT if cell.is_clear else NOT_SIGNIFICANT
            depth, edge = _LOOKS[look]
            rows.append(
                {
                    "one": one,
                    "other": other,
                    "down": words(one),
                    "across": words(other),
                    "value": cell.value,
                    "low": cell.low,
                    "high": cell.high,
                    "n": cell.n,
                    "look": look,
                    "text": number(cell.value) if look == SIGNIFICANT else "",
                    "with_interval": with_interval(cell),
                    "depth": depth,
                    "edge": edge,
                }
            )
    return pd.DataFrame(rows)


def correlation_title(found: Correlation, kind: str) -> str:
    """Title: the width (filters kept) that correlates most with accuracy; `kind` is `pearson` or `spearman`."""
    text = strongest_correlation(found, kind)
    return f"{KIND_WORDS[kind]}: {text[:1].lower()}{text[1:]}"


def correlation_note(found: Correlation) -> str:
    """Caption: number of schedules, omitted variables, and an explanation of the cells."""
    rule = PARTIAL_RULE.format(control=words(found.control)) if found.control else RULE
    notes = "".join(f"{fmt.sentence_case(note)}. " for note in found.notes)
    return f"n = {fmt.plural(found.schedules, 'schedule')}. {notes}{rule}"


def correlation_table(frame: pd.DataFrame) -> pd.DataFrame:
    """`correlation_data`'s frame as a matrix of texts: each correlation with its interval."""
    order = list(dict.fromkeys(frame["one"]))
    wide: pd.DataFrame = frame.pivot_table(index="one", columns="other", values="with_interval", aggfunc="first")
    return wide.loc[order, order]


def correlation_chart(frame: pd.DataFrame, ink: str = palette.INK, chosen: Chosen = (), alt_text: str = "") -> Drawing:
    """Heatmap of `correlation_data`'s frame; a click is the selection `pair`, `chosen` cells are framed in `ink`.

    `alt_text` is the alternative text, see `correlation_alt`.
    """
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
            alt.Tooltip("look:N", title="significance"),
        ],
    )
    legend = alt.Legend(
        title=["correlation", "blank and dotted: not significant"],
        orient="top",
        gradientLength=200,
        values=[-1, -0.5, 0, 0.5, 1],
        titleLimit=300,
    )
    cells = base.mark_rect(stroke=palette.GREY, strokeDash=[2, 3], strokeWidth=1.5, cursor="pointer").encode(
        color=alt.condition(
            alt.datum["look"] == SIGNIFICANT,
            alt.Color("value:Q", scale=diverging_scale(1), legend=legend),
            alt.value(palette.GREY),
        ),
        fillOpacity=alt.FillOpacity("depth:Q", scale=None),
        strokeOpacity=alt.StrokeOpacity("edge:Q", scale=None),
    )
    pair = clickable(SELECTION, ("one", "other"), chosen)
    layers = [cells.add_params(pair)]
    if len(order) <= _MOST_WITH_NUMBERS:
        # Significant cells are light or mid-toned on every theme, so their text is dark.
        layers.append(base.mark_text(fontSize=11, color=palette.INK, aria=False).encode(text="text:N"))
    return alt.layer(*layers, cell_frame(base, pair, ink)).properties(
        height=30 * len(order) + 150, description=alt_text or "Correlations of every two variables."
    )


def correlation_alt(found: Correlation, kind: str) -> str:
    """Alternative text of the heatmap of `found`; `kind` is `pearson` or `spearman`."""
    cells = found.cells[kind]
    pairs = [cells[one][other] for place, one in enumerate(found.names) for other in found.names[:place]]
    control = f", controlling for {words(found.control)}" if found.control else ""
    unclear = sum(not cell.is_clear for cell in pairs)
    return (
        f"{KIND_WORDS[kind]}'s correlations of {fmt.plural(len(found.names), 'variable')} over "
        f"{fmt.plural(found.schedules, 'schedule')}{control}; {unclear} of {len(pairs)} pairs not significant. "
        f"{correlation_title(found, kind)}."
    )
