"""Schedules as strips: filters kept per run and block, and the blocks where runs differ."""

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Drawing
from roboreg_core.runs.comparison import Comparison
from roboreg_core.runs.results import kept_schedule
from roboreg_core.wording import fmt, run_facts


def strip_data(comparison: Comparison) -> pd.DataFrame:
    """One row per run and block.

    Columns: `run` (id), `label`, `block` (from 1); filters `kept`, of `bound` in the dense network, and their `share`
    (0..1); `differs`, True if the runs do not all keep the same number in this block.
    """
    labels = run_facts.labels([row.record for row in comparison.rows])
    return pd.DataFrame(
        {
            "run": row.record.id,
            "label": labels[row.record.id],
            "block": block,
            "kept": kept,
            "bound": bound,
            "share": kept / bound,
            "differs": differs,
        }
        for row in comparison.rows
        for schedule in [kept_schedule(row.record)]
        for block, (kept, bound, differs) in enumerate(
            zip(schedule, schedule.bounds, comparison.differs, strict=False), start=1
        )
    )


def strip_title(frame: pd.DataFrame) -> str:
    """Title for `strip_data`'s frame: the blocks in which the schedules differ."""
    blocks = [int(block) for block in frame.loc[frame["differs"], "block"].unique()]
    runs = fmt.plural(frame["run"].nunique(), "run")
    if not blocks:
        return f"All {runs} have the same schedule"
    if len(blocks) == frame["block"].nunique():
        return f"The schedules of {runs} differ in every block"
    named = fmt.enumeration([str(block) for block in blocks])
    return f"The schedules of {runs} differ in block{'s' if len(blocks) > 1 else ''} {named} only"


def strip_chart(frame: pd.DataFrame, only_differing: bool = True, ink: str = palette.INK) -> Drawing:
    """Grid of `strip_data`'s frame: runs down, blocks across; text in the colour `ink`.

    Blocks in which all runs agree are left out, or faint if `only_differing` is False.
    """
    shown = frame[frame["differs"]] if only_differing and frame["differs"].any() else frame
    order = list(dict.fromkeys(frame["label"]))
    base = alt.Chart(shown).encode(
        x=alt.X("block:O", title="block", axis=alt.Axis(labelAngle=0, orient="top")),
        y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=200)),
        tooltip=[
            alt.Tooltip("label:N", title="run"),
            "block:O",
            alt.Tooltip("kept:Q", title="filters kept"),
            alt.Tooltip("bound:Q", title="of"),
            alt.Tooltip("share:Q", format=".0%"),
        ],
    )
    cells = base.mark_rect(color=palette.CELL, stroke=palette.WHITE).encode(
        opacity=alt.condition(
            alt.datum["differs"],
            alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.08, 0.95]), legend=None),
            alt.value(0.06),
        )
    )
    text = base.mark_text(fontSize=12).encode(
        text="kept:Q",
        color=alt.condition(
            (alt.datum["share"] >= 0.55) & alt.datum["differs"], alt.value(palette.WHITE), alt.value(ink)
        ),
    )
    height = 30 * len(order) + 80  # with the axis
    return alt.layer(cells, text).properties(height=height, description=strip_alt(frame))


def strip_alt(frame: pd.DataFrame) -> str:
    """Alternative text of `strip_chart(frame)`."""
    return f"Filters kept per run in each of {frame['block'].nunique()} blocks. {strip_title(frame)}."
