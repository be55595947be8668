"""Accuracy against a cost: every run's pruned and fine-tuned network, and the front that no other network beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Drawing
from roboreg_core.evaluation.pareto_front import pareto_front
from roboreg_core.runs.metric_pairs import counts_of
from roboreg_core.runs.results import final_stage
from roboreg_core.store.records import Record
from roboreg_core.wording import fmt, run_facts

COLUMNS = [
    "run", "label", "stage", "final", "parameters", "share", "macs", "latency", "accuracy", "dense_accuracy", "origin",
    "colour", "marker",
]  # fmt: skip
# Names of the selections, a click and clicks with the shift key; their field is `run`.
SELECTION, SEVERAL = "chosen", "several"
COST_WORDS = {"parameters": "parameters", "macs": "MACs", "latency": "latency"}
AXIS_TITLES = {"parameters": "parameters", "macs": "MACs an image", "latency": "latency of one image, ms"}


def tradeoff_data(
    records: Sequence[Record], cost: str = "parameters", styles: Mapping[str, palette.Style] | None = None
) -> pd.DataFrame:
    """A row a run and stage after pruning, cheapest first; `front` marks the networks that no other beats.

    `cost` is one of `runs.figures.COSTS`; `share` is that of the dense network's which is left. A run's latency was
    measured on its final network, which has the shape of the pruned one. `styles` are those of all runs, see
    `palette.styles`; without, those of `records`.
    """
    styles = styles or palette.styles(records)
    rows = [
        {
            "run": record.id,
            "label": run_facts.label(record),
            "stage": stage,
            "final": stage == final_stage(record),
            "parameters": counts["parameters"],
            "share": counts[cost] / counts_of(record, "dense")[cost],
            "macs": counts["macs"],
            "latency": counts["latency"],
            "accuracy": run_facts.accuracy(record, stage),
            "dense_accuracy": run_facts.accuracy(record, "dense"),
            "origin": "recorded" if record.recorded else "own",
            "colour": styles[record.id].colour,
            "marker": styles[record.id].marker,
        }
        for record, counts in ((record, counts_of(record, "final")) for record in records)
        for stage in run_facts.stages_of(record)
        if stage != "dense"
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS).sort_values([cost, "accuracy"], ascending=[True, False])
    front = pareto_front(frame[cost].tolist(), frame["accuracy"].tolist())
    return frame.assign(front=front).reset_index(drop=True)


def tradeoff_title(frame: pd.DataFrame, cost: str = "parameters") -> str:
    """The finding: how small a network still comes close to the dense one."""
    if frame.empty:
        return "No runs to compare yet"
    close = frame[frame["accuracy"] >= frame["dense_accuracy"] - run_facts.BEST_LOSES_AT_MOST]
    if close.empty:
        top = frame.iloc[int(frame["accuracy"].argmax())]
        reached = _percent(top["accuracy"])
        return f"No pruned network is within {run_facts.limit_words()} of the dense one; the closest reaches {reached}"
    small = close.iloc[0]
    if cost == "latency":
        # Each run timed its own dense network: timings of other runs may have met another load.
        return (
            f"{small['label']} is the fastest within {run_facts.limit_words()} of the dense network: "
            f"{_percent(small['accuracy'])} at {small['latency']:.2f} ms an image, "
            f"{small['latency'] / small['share']:.2f} ms dense in the same run"
        )
    return (
        f"{_percent(small['share'])} of the {COST_WORDS[cost]} are enough for {_percent(small['accuracy'])}, "
        f"against {_percent(small['dense_accuracy'])} dense"
    )


def tradeoff_chart(frame: pd.DataFrame, cost: str = "parameters") -> Drawing:
    """Points to click, the front as a stepped line, the dense accuracy as a rule.

    A click is the selection `chosen`, clicks with the shift key are `several`; the field of both is `run`. A run's
    final network has the run's marker, hollow where it is recorded; before fine-tuning it is a small dot.
    """
    base = alt.Chart(frame)
    x = alt.X(
        f"{cost}:Q",
        title=AXIS_TITLES[cost],
        axis=alt.Axis(format="~s" if cost != "latency" else "~g", tickCount=8),
        scale=alt.Scale(zero=False, padding=12),
    )
    y = alt.Y(
        "accuracy:Q",
        title="test accuracy",
        axis=alt.Axis(format=".0%", tickMinStep=0.01),
        scale=alt.Scale(zero=False, nice=True),
    )
    colour = alt.Color("colour:N", scale=None, legend=None)
    front = (
        base.transform_filter("datum.front")
        .mark_line(interpolate="step-after", strokeDash=[3, 3], color=palette.GREY, opacity=0.9)
        .encode(x=x, y=y)
    )
    rise = base.mark_line(strokeWidth=1, opacity=0.5).encode(x=x, y=y, detail="run:N", color=colour)
    chosen = alt.selection_point(fields=["run"], name=SELECTION, on="click[!event.shiftKey]", toggle=False)
    several = alt.selection_point(
        fields=["run"], name=SEVERAL, on="click[event.shiftKey]", toggle="true", clear="dblclick", empty=False
    )
    points = base.encode(x=x, y=y, color=colour, tooltip=_tooltip(cost))
    before = points.transform_filter("!datum.final").mark_point(filled=True, size=25, opacity=0.8, shape="circle")
    size = alt.condition(several, alt.value(380), alt.value(120))
    final = points.encode(shape=alt.Shape("marker:N", scale=None, legend=None), size=size)
    recorded = (
        final.transform_filter("datum.final && datum.origin == 'recorded'")
        .mark_point(filled=False, strokeWidth=2.5, opacity=1, cursor="pointer")
        .add_params(chosen, several)
    )
    own = final.transform_filter("datum.final && datum.origin == 'own'").mark_point(
        filled=True, opacity=1, cursor="pointer"
    )
    rule = (
        base.transform_aggregate(dense="max(dense_accuracy)")
        .mark_rule(color=palette.GREY, strokeDash=[8, 4], strokeWidth=1.5)
        .encode(y=alt.Y("dense:Q"), tooltip=[alt.Tooltip("dense:Q", format=".2%", title="dense accuracy")])
    )
    return alt.layer(rule, front, rise, before, recorded, own).properties(
        height=360, description=tradeoff_alt(frame, cost)
    )


def tradeoff_alt(frame: pd.DataFrame, cost: str = "parameters") -> str:
    """The chart in words."""
    runs = frame["run"].nunique()
    return (
        f"Scatter of test accuracy against {COST_WORDS[cost]} for {fmt.plural(runs, 'run')}: markers are final "
        f"networks, hollow recorded, filled own; small dots before fine-tuning. {tradeoff_title(frame, cost)}."
    )


def _tooltip(cost: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("label:N", title="run"),
        alt.Tooltip("stage:N", title="network"),
        alt.Tooltip("accuracy:Q", format=".2%", title="accuracy"),
        alt.Tooltip("parameters:Q", format=","),
        alt.Tooltip("macs:Q", format=",", title="MACs"),
        alt.Tooltip("latency:Q", format=".2f", title="latency, ms"),
        alt.Tooltip("share:Q", format=".1%", title=f"{COST_WORDS[cost]} left"),
        alt.Tooltip("origin:N"),
    ]


def _percent(share: float) -> str:
    return fmt.percent(float(share))
