"""Precision, recall and F1 per class, of a stage against the baseline."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import PERCENT_AXIS, Drawing
from roboreg_core.runs import metric_changes
from roboreg_core.runs.results import report_of
from roboreg_core.runs.summary import Summary
from roboreg_core.store.records import Record
from roboreg_core.wording import fmt

MEASURES = metric_changes.MEASURES


def changes_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The rows of `metric_changes.report_rows` as a table, all metrics and changes as shares (0..1).

    Columns: `class`, `precision`, `recall` and `f1`, each followed by its `<metric>_change`, and `support`.
    """
    beside = [column for measure in MEASURES for column in (measure, f"{measure}_change")]
    return pd.DataFrame(rows)[["name", *beside, "support"]].rename(columns={"name": "class"})


def verdicts_table(summary: Summary, stage: str) -> pd.DataFrame:
    """The classification report on a stage, `dense`, `pruned` or `tuned`, in the layout of scikit-learn.

    One row per class, then accuracy (in the column of F1) and averages. Columns: those of `changes_table`, and
    `verdict`, that of the paired test on accuracy and on each class's recall; empty for averages.
    """
    paired = summary.paired[stage]
    table = changes_table(summary.reports[stage])
    table["verdict"] = [*(each.verdict.words for each in paired.per_class), "", ""]
    now = report_of(summary.record, stage)
    overall: dict[str, Any] = {
        "class": "accuracy", "f1": now["accuracy"], "f1_change": paired.verdict.difference,
        "support": now["images"], "verdict": paired.verdict.words,
    }  # fmt: skip
    classes = len(summary.classes)
    return pd.concat([table[:classes], pd.DataFrame([overall]), table[classes:]], ignore_index=True)[table.columns]


def classes_data(record: Record, stage: str, baseline: dict[str, Any] | None = None) -> pd.DataFrame:
    """Two rows per class that has test images, for two networks: the one compared with, and the run's at `stage`.

    Columns: `class`; `stage`, the network's name; `recall` (0..1); `change` of the recall, the same in both rows. The
    network compared with is the run's dense one or, if its report as JSON is given, the `baseline`.
    """
    reports = {"dense" if baseline is None else "baseline": baseline or report_of(record, "dense")}
    name = fmt.STAGE_WORDS[stage]
    reports[name] = report_of(record, stage)
    before, chosen = next(iter(reports.values()))["per_class"], reports[name]["per_class"]
    change = {row["name"]: row["recall"] - old["recall"] for old, row in zip(before, chosen, strict=True)}
    return pd.DataFrame(
        {"class": row["name"], "stage": each, "recall": row["recall"], "change": change[row["name"]]}
        for each, report in reports.items()
        for row in report["per_class"]
        if row["support"]
    )


def changed_classes(frame: pd.DataFrame) -> pd.Series:
    """Per class, the absolute change of its recall, from `classes_data`'s frame."""
    return frame.drop_duplicates("class").set_index("class")["change"].abs()


def classes_title(frame: pd.DataFrame) -> str:
    """Title for `classes_data`'s frame: the class with the lowest recall, and the largest loss."""
    last = frame[frame["stage"] == frame["stage"].iloc[-1]]
    worst = last.iloc[int(last["recall"].argmin())]
    lowest = f"{str(worst['class']).capitalize()} has the lowest recall, {fmt.percent(worst['recall'])}"
    lost = last.iloc[int(last["change"].argmin())]
    if lost["change"] >= 0:
        return f"{lowest}; no class lost recall"
    return f"{lowest}; {lost['class']} lost most, {fmt.signed_points(lost['change'])}"


def classes_chart(frame: pd.DataFrame) -> Drawing:
    """Chart of `classes_data`'s frame: per class a line from the first network's recall to the second's."""
    stages = list(dict.fromkeys(frame["stage"]))
    order = list(dict.fromkeys(frame["class"]))
    y = alt.Y("class:N", sort=order, title=None, axis=alt.Axis(labelOverlap=False))
    x = alt.X("recall:Q", title="recall", axis=PERCENT_AXIS)
    base = alt.Chart(frame)
    lines = base.mark_line(color=palette.GREY, strokeWidth=2, opacity=0.6).encode(x=x, y=y, detail="class:N")
    points = base.mark_point(filled=True, size=90, opacity=1).encode(
        x=x.scale(zero=False, nice=True, padding=10),
        y=y,
        color=_scale(alt.Color, stages, palette.STAGE_COLOURS),
        shape=_scale(alt.Shape, stages, palette.STAGE_MARKERS),
        tooltip=[
            "class:N",
            alt.Tooltip("stage:N", title="network"),
            alt.Tooltip("recall:Q", format=".1%"),
            alt.Tooltip("change:Q", format="+.1%", title="change"),
        ],
    )
    return alt.layer(lines, points).properties(height=max(380, 24 * len(order)), description=classes_alt(frame))


def classes_alt(frame: pd.DataFrame) -> str:
    """Alternative text of `classes_chart(frame)`."""
    return f"Recall per class, {' and '.join(dict.fromkeys(frame['stage']))}. {classes_title(frame)}."


def _scale(channel: Any, stages: list[str], table: dict[str, Any]) -> Any:
    return channel(
        "stage:N",
        title=None,
        legend=alt.Legend(orient="top"),
        scale=alt.Scale(domain=stages, range=[table[stage] for stage in stages]),
    )
