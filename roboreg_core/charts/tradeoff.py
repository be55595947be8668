"""Accuracy against size: every run's pruned and fine-tuned network, and the front that no other network beats."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from roboreg_core.charts import facts, palette, words
from roboreg_core.charts.base import Drawing
from roboreg_core.store.records import Record

COLUMNS = ["run", "label", "stage", "parameters", "share", "macs", "accuracy", "dense_accuracy", "origin", "colour"]
STAGES = ("tuned", "pruned")
SELECTION = "chosen"


def tradeoff_data(records: Sequence[Record]) -> pd.DataFrame:
    """A row a run and stage after pruning; `front` marks the networks that no smaller one equals in accuracy."""
    colours = palette.run_colours(record.id for record in sorted(records, key=lambda each: each.created))
    rows = [
        {
            "run": record.id,
            "label": facts.label(record),
            "stage": stage,
            "parameters": record.result["cost"]["parameters"],
            "share": record.result["cost"]["parameters"] / record.result["dense_cost"]["parameters"],
            "macs": record.result["cost"]["macs"],
            "accuracy": facts.accuracy(record, stage),
            "dense_accuracy": facts.accuracy(record, "dense"),
            "origin": "recorded" if record.recorded else "own",
            "colour": colours[record.id],
        }
        for record in records
        for stage in facts.stages_of(record)
        if stage != "dense"
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS).sort_values(["parameters", "accuracy"], ascending=[True, False])
    best_before = frame["accuracy"].cummax().shift(fill_value=-1.0)
    return frame.assign(front=frame["accuracy"] > best_before).reset_index(drop=True)


def tradeoff_title(frame: pd.DataFrame) -> str:
    """The finding: how small a network still comes close to the dense one."""
    if frame.empty:
        return "No runs to compare yet"
    close = frame[frame["accuracy"] >= frame["dense_accuracy"] - facts.BEST_LOSES_AT_MOST]
    if close.empty:
        top = frame.iloc[int(frame["accuracy"].argmax())]
        return f"No pruned network is within 1 point of the dense one; the closest reaches {_percent(top['accuracy'])}"
    small = close.iloc[0]
    return (
        f"{_percent(small['share'])} of the parameters are enough for {_percent(small['accuracy'])}, "
        f"against {_percent(small['dense_accuracy'])} dense"
    )


def tradeoff_chart(frame: pd.DataFrame) -> Drawing:
    """Points to click (selection `chosen`, field `run`), the front as a stepped line, the dense accuracy as a rule."""
    base = alt.Chart(frame)
    x = alt.X(
        "parameters:Q",
        title="parameters",
        axis=alt.Axis(format="~s", tickCount=8),
        scale=alt.Scale(zero=False, padding=12),
    )
    y = alt.Y("accuracy:Q", title="test accuracy", axis=alt.Axis(format=".0%"), scale=alt.Scale(zero=False, nice=True))
    shape = alt.Shape(
        "stage:N",
        title=None,
        scale=alt.Scale(domain=list(STAGES), range=[palette.STAGE_MARKERS[stage] for stage in STAGES]),
        legend=alt.Legend(orient="top", labelExpr="datum.label == 'tuned' ? 'fine-tuned' : 'only pruned'"),
    )
    colour = alt.Color("colour:N", scale=None, legend=None)
    tooltip = [
        alt.Tooltip("label:N", title="run"),
        alt.Tooltip("stage:N", title="network"),
        alt.Tooltip("accuracy:Q", format=".2%", title="accuracy"),
        alt.Tooltip("parameters:Q", format=","),
        alt.Tooltip("share:Q", format=".1%", title="of dense"),
        alt.Tooltip("origin:N"),
    ]
    front = (
        base.transform_filter("datum.front")
        .mark_line(interpolate="step-after", strokeDash=[3, 3], color=palette.GREY, opacity=0.9)
        .encode(x=x, y=y)
    )
    rise = base.mark_line(strokeWidth=1, opacity=0.5).encode(x=x, y=y, detail="run:N", color=colour)
    points = base.encode(x=x, y=y, color=colour, shape=shape, tooltip=tooltip)
    chosen = alt.selection_point(fields=["run"], name=SELECTION)
    recorded = (
        points.transform_filter("datum.origin == 'recorded'")
        .mark_point(filled=False, size=110, strokeWidth=2.5, opacity=1)
        .add_params(chosen)
    )
    own = points.transform_filter("datum.origin == 'own'").mark_point(filled=True, size=130, opacity=1)
    rule = (
        base.transform_aggregate(dense="max(dense_accuracy)")
        .mark_rule(color=palette.GREY, strokeDash=[8, 4], strokeWidth=1.5)
        .encode(y=alt.Y("dense:Q"), tooltip=[alt.Tooltip("dense:Q", format=".2%", title="dense accuracy")])
    )
    return alt.layer(rule, front, rise, recorded, own).properties(height=360, description=tradeoff_alt(frame))


def tradeoff_alt(frame: pd.DataFrame) -> str:
    """The chart in words."""
    runs = frame["run"].nunique()
    return (
        f"Scatter of test accuracy against parameters for {words.plural(runs, 'run')}: circles fine-tuned, triangles "
        f"only pruned, hollow recorded, filled own. {tradeoff_title(frame)}."
    )


def _percent(share: float) -> str:
    return words.percent(float(share))
