"""Recall per class, from the baseline to each compared run."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from roboreg_core.charts import many_classes, palette
from roboreg_core.charts.base import RATE, Drawing
from roboreg_core.charts.confusion_matrix import LABELS
from roboreg_core.runs.comparison import Comparison
from roboreg_core.wording import fmt, run_facts

# Most names of classes side by side under a chart.
MOST_UPRIGHT = 12
SIDES = ("baseline", "run")


def slopes_data(comparison: Comparison, styles: Mapping[str, palette.Style] | None = None) -> pd.DataFrame:
    """Two rows per run and class, one with the recall of the baseline and one with that of the run.

    A baseline that is one of the runs has no rows. Columns: `run` (id), `label`, `class`, `side` (`baseline` or `run`),
    `recall` (0..1); `change` of the recall, `verdict` of its test as text, and `is_real`, True if significant; `colour`
    and `marker` from `styles` by run id (None: `palette.styles` of these runs).
    """
    records = [row.record for row in comparison.rows]
    styles, labels = styles or palette.styles(records), run_facts.labels(records)
    return pd.DataFrame(
        {
            "run": row.record.id,
            "label": labels[row.record.id],
            "class": name,
            "side": side,
            "recall": pair.value if side == "run" else pair.baseline,
            "change": pair.difference,
            "verdict": flips.verdict.words,
            "is_real": flips.verdict.is_significant,
            "colour": styles[row.record.id].colour,
            "marker": styles[row.record.id].marker,
        }
        for row in comparison.rows
        if row.record.id != comparison.baseline
        if row.paired is not None
        for name, pair, flips in zip(comparison.classes, row.recalls, row.paired.per_class, strict=True)
        for side in SIDES
    )


def changed_classes(frame: pd.DataFrame) -> pd.Series:
    """Score of each class: its largest absolute change of recall in a run, plus 1 if that change is significant."""
    return (frame["change"].abs() + frame["is_real"]).groupby(frame["class"], sort=False).max()


def shown_classes(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of `slopes_data`'s frame that the chart shows: of many classes, those that changed most."""
    classes = list(dict.fromkeys(frame["class"]))
    if not many_classes.is_many(classes):
        return frame
    return many_classes.of_classes(frame, many_classes.first_classes(changed_classes(frame)))


def slopes_title(frame: pd.DataFrame) -> str:
    """Title for `slopes_data`'s frame: the class with the largest significant loss, and the number of runs with one."""
    ends = frame[frame["side"] == "run"]
    lost = ends[ends["is_real"] & (ends["change"] < 0)]
    if lost.empty:
        return "No class lost recall significantly in any run"
    worst = lost.iloc[int(lost["change"].argmin())]
    runs, hit = ends["run"].nunique(), lost.loc[lost["class"] == worst["class"], "run"].nunique()
    return (
        f"{str(worst['class']).capitalize()} lost most recall, {fmt.signed_points(worst['change'])} in "
        f"{worst['label']}; its loss is significant in {hit} of {fmt.plural(runs, 'run')}"
    )


def slopes_chart(frame: pd.DataFrame, with_legend: bool = True) -> Drawing:
    """Chart of `slopes_data`'s frame: for each class a line per run from the baseline's recall to the run's.

    `with_legend` is False if the page has a separate legend.
    """
    order = list(dict.fromkeys(frame["class"]))
    legend = alt.Legend(title=None, orient="top", columns=3, labelLimit=260) if with_legend else None
    # With three entries per row of the legend.
    height = 340 + (24 * -(-frame["run"].nunique() // 3) if with_legend else 0)
    base = alt.Chart(frame).encode(
        x=alt.X("class:N", sort=order, title=None, axis=_axis(order), scale=alt.Scale(paddingInner=0.35)),
        xOffset=alt.XOffset("side:N", sort=list(SIDES)),
        y=alt.Y("recall:Q", title="recall", **RATE),
        color=alt.Color("label:N", scale=_scale(frame, "colour"), legend=legend),
    )
    lines = base.mark_line(strokeWidth=2, opacity=0.8).encode(detail=["run:N", "class:N"])
    points = (
        base.transform_filter("datum.side == 'run'")
        .mark_point(filled=True, size=70, opacity=1)
        .encode(
            shape=alt.Shape("label:N", scale=_scale(frame, "marker"), legend=legend),
            tooltip=[
                alt.Tooltip("label:N", title="run"),
                "class:N",
                alt.Tooltip("recall:Q", format=".1%"),
                alt.Tooltip("change:Q", format="+.1%", title="change"),
                alt.Tooltip("verdict:N"),
            ],
        )
    )
    return alt.layer(lines, points).properties(height=height, description=slopes_alt(frame))


def slopes_alt(frame: pd.DataFrame) -> str:
    """Alternative text of `slopes_chart(frame)`."""
    classes, runs = frame["class"].nunique(), fmt.plural(frame["run"].nunique(), "run")
    return f"Recall of {classes} classes, from the baseline to {runs}. {slopes_title(frame)}."


def _axis(order: list[str]) -> alt.Axis:
    return alt.Axis(labelAngle=0) if len(order) <= MOST_UPRIGHT else alt.Axis(**LABELS, labelAngle=-45)


def _scale(frame: pd.DataFrame, column: str) -> alt.Scale:
    each = frame.drop_duplicates("run")
    return alt.Scale(domain=list(each["label"]), range=list(each[column]))
