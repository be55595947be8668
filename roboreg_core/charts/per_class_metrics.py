"""Precision, recall and F1 of each class, dense against a later stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Drawing
from roboreg_core.runs.summary import Summary
from roboreg_core.store.records import Record
from roboreg_core.wording import fmt, run_facts

MEASURES = ("precision", "recall", "f1")


def changes_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The rows of `runs.figures.report_rows` as a table, each measure's change to the baseline beside it."""
    beside = [column for measure in MEASURES for column in (measure, f"{measure}_change")]
    return pd.DataFrame(rows)[["name", *beside, "support"]].rename(columns={"name": "class"})


def verdicts_table(summary: Summary, stage: str) -> pd.DataFrame:
    """The report as scikit-learn lays it out, with changes, and the paired verdict on accuracy and on each recall.

    Accuracy stands in the column of F1. Precision, F1 and the averages are not tested: their verdict is empty.
    """
    paired = summary.paired[stage]
    table = changes_table(summary.reports[stage])
    table["verdict"] = [*(each.verdict.words for each in paired.per_class), "", ""]
    now = run_facts.report_of(summary.record, stage)
    whole: dict[str, Any] = {
        "class": "accuracy", "f1": now["accuracy"], "f1_change": paired.verdict.difference,
        "support": now["images"], "verdict": paired.verdict.words,
    }  # fmt: skip
    classes = len(summary.classes)
    return pd.concat([table[:classes], pd.DataFrame([whole]), table[classes:]], ignore_index=True)[table.columns]


def classes_data(record: Record, stage: str, baseline: dict[str, Any] | None = None) -> pd.DataFrame:
    """A row a class and stage (dense and `stage`): `class`, `stage`, `recall`, and its `change` from the first on.

    `baseline` is the report of another network to begin with in place of the dense one.
    """
    reports = {"dense" if baseline is None else "baseline": baseline or run_facts.report_of(record, "dense")}
    reports[stage] = run_facts.report_of(record, stage)
    before, chosen = (next(iter(reports.values()))["per_class"], reports[stage]["per_class"])
    change = {row["name"]: row["recall"] - old["recall"] for old, row in zip(before, chosen, strict=True)}
    return pd.DataFrame(
        {"class": row["name"], "stage": each, "recall": row["recall"], "change": change[row["name"]]}
        for each, report in reports.items()
        for row in report["per_class"]
    )


def classes_title(frame: pd.DataFrame) -> str:
    """The finding: which class lost most, and which is hardest."""
    last = frame[frame["stage"] == frame["stage"].iloc[-1]]
    hardest = last.iloc[int(last["recall"].argmin())]
    worst = f"{str(hardest['class']).capitalize()} is the hardest class, {fmt.percent(hardest['recall'])} recalled"
    lost = last.iloc[int(last["change"].argmin())]
    if lost["change"] >= 0:
        return f"{worst}; no class lost recall"
    return f"{worst}; {lost['class']} changed most for the worse, {fmt.signed_points(lost['change'])}"


def classes_chart(frame: pd.DataFrame) -> Drawing:
    """A line a class from its dense recall to the chosen stage's."""
    stages = list(dict.fromkeys(frame["stage"]))
    order = list(dict.fromkeys(frame["class"]))
    y = alt.Y("class:N", sort=order, title=None)
    x = alt.X("recall:Q", title="recall: share of the class found", axis=alt.Axis(format=".0%", tickMinStep=0.01))
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
    return alt.layer(lines, points).properties(height=380, description=classes_alt(frame))


def classes_alt(frame: pd.DataFrame) -> str:
    """The chart in words."""
    return f"Recall of each of the ten classes, {' and '.join(dict.fromkeys(frame['stage']))}. {classes_title(frame)}."


def _scale(channel: Any, stages: list[str], table: dict[str, Any]) -> Any:
    return channel(
        "stage:N",
        title=None,
        legend=alt.Legend(orient="top"),
        scale=alt.Scale(domain=stages, range=[table[stage] for stage in stages]),
    )
