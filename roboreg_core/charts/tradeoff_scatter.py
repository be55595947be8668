"""Accuracy against a cost: each run's pruned and fine-tuned network, and their Pareto front."""

from collections.abc import Collection, Mapping, Sequence

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import RATE, Drawing
from roboreg_core.charts.thinning import thinned
from roboreg_core.evaluation.pareto_front import pareto_front
from roboreg_core.runs.metric_changes import COSTS, counts_of
from roboreg_core.runs.results import final_stage
from roboreg_core.store.records import Record
from roboreg_core.wording import fmt, run_facts
from roboreg_core.wording.run_metrics import METRICS

COLUMNS = [
    "run", "label", "stage", "final", *COSTS, "share", "accuracy", "dense_accuracy", "origin", "colour", "marker",
]  # fmt: skip
# Names of the selections by click and by shift-click; their field is `run`.
SELECTION, SEVERAL = "chosen", "several"
# Number of runs above which marks are smaller.
CROWDED = 200
COST_WORDS = {cost: METRICS[cost].label for cost in COSTS}


def tradeoff_data(
    records: Sequence[Record], cost: str = "parameters", styles: Mapping[str, palette.Style] | None = None
) -> pd.DataFrame:
    """One row per run and stage, `pruned` or `fine-tuned`, lowest cost first.

    Columns: `run` (id), `label`, `stage`, `final` (True for the run's last stage); all `COSTS`, and `share`, `cost`
    relative to the dense network's; `accuracy` and `dense_accuracy` (0..1); `origin`, `colour`, `marker`; `front`, True
    on the Pareto front. Latency is in milliseconds per image, that of the final network for both stages.

    Args:
        records: the runs.
        cost: one of `runs.metric_changes.COSTS`.
        styles: styles of all runs, see `palette.styles`; None to derive them from `records`.
    """
    styles = styles or palette.styles(records)
    rows = [
        {
            "run": record.id,
            "label": label,
            "stage": fmt.STAGE_WORDS[stage],
            "final": stage == final_stage(record),
            **{each: counts[each] for each in COSTS},
            "share": counts[cost] / counts_of(record, "dense")[cost],
            "accuracy": run_facts.accuracy(record, stage),
            "dense_accuracy": run_facts.accuracy(record, "dense"),
            "origin": run_facts.origin_words(record),
            "colour": styles[record.id].colour,
            "marker": styles[record.id].marker,
        }
        for record, label, counts in ((each, run_facts.label(each), counts_of(each, "final")) for each in records)
        for stage in run_facts.stages_of(record)
        if stage != "dense"
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS).sort_values([cost, "accuracy"], ascending=[True, False])
    front = pareto_front(frame[cost].tolist(), frame["accuracy"].tolist())
    return frame.assign(front=front).reset_index(drop=True)


def drawn_runs(frame: pd.DataFrame, selected: Collection[str] = ()) -> tuple[pd.DataFrame, str]:
    """The rows of `tradeoff_data`'s frame to draw, and a text on the runs left out, empty if there are none.

    Of many runs, those on the Pareto front and the `selected` ones are drawn, and of the others the smallest network in
    each cell of a grid, see `thinning.thinned`.
    """
    final = frame[frame["final"]]
    # The chart's rule is the highest dense accuracy.
    always = {*selected, *frame.loc[frame["front"], "run"], *frame.nlargest(1, "dense_accuracy")["run"]}
    mask, side = thinned(final["parameters"], final["accuracy"], final["run"].isin(always))
    if not side:
        return frame, ""
    runs = final.loc[mask, "run"]
    words = (
        f"{len(runs):,} of {len(final):,} runs are drawn: all on the Pareto front, all selected ones and, of the "
        f"others, the smallest network in each cell of a {side} × {side} grid. The table has all runs."
    )
    return frame[frame["run"].isin(runs)].reset_index(drop=True), words


def tradeoff_title(frame: pd.DataFrame, cost: str = "parameters") -> str:
    """Title for `tradeoff_data`'s frame: the lowest `cost` with an accuracy close to the dense network's."""
    if frame.empty:
        return "No runs to compare yet"
    close = frame[frame["accuracy"] >= frame["dense_accuracy"] - run_facts.BEST_LOSES_AT_MOST]
    if close.empty:
        best = fmt.percent(frame["accuracy"].max())
        return f"No pruned network is within {run_facts.limit_words()} of the dense network; the best reaches {best}"
    small = close.iloc[0]
    if cost == "latency":
        # Each run timed its own dense network, since the load of the machine varies.
        return (
            f"{small['label']} is the fastest within {run_facts.limit_words()} of the dense network: "
            f"{fmt.percent(small['accuracy'])} at {small['latency']:.2f} ms per image (dense network in the same run: "
            f"{small['latency'] / small['share']:.2f} ms)"
        )
    return (
        f"{fmt.percent(small['share'])} of the {COST_WORDS[cost]} are enough for an accuracy of "
        f"{fmt.percent(small['accuracy'])}; the dense network has {fmt.percent(small['dense_accuracy'])}"
    )


def tradeoff_chart(frame: pd.DataFrame, cost: str = "parameters") -> Drawing:
    """Chart of `tradeoff_data(..., cost)`'s frame: Pareto front as steps, dense accuracy as a horizontal line.

    A click is the selection `chosen`, shift-clicks are `several`; the field of both is `run`. A final network has its
    run's marker, hollow for an example run; a network before fine-tuning is a small dot.
    """
    base = alt.Chart(frame)
    is_crowded = frame["run"].nunique() > CROWDED
    x = alt.X(
        f"{cost}:Q",
        title=METRICS[cost].axis,
        axis=alt.Axis(format="~s" if cost != "latency" else "~g", tickCount=8),
        scale=alt.Scale(zero=False, padding=12),
    )
    y = alt.Y("accuracy:Q", title=METRICS["accuracy"].axis, **RATE)
    colour = alt.Color("colour:N", scale=None, legend=None)
    front = (
        base.transform_filter("datum.front")
        .mark_line(interpolate="step-after", strokeDash=[3, 3], color=palette.GREY, opacity=0.9)
        .encode(x=x, y=y)
    )
    rise = base.mark_line(strokeWidth=1, opacity=0.15 if is_crowded else 0.5).encode(
        x=x, y=y, detail="run:N", color=colour
    )
    chosen = alt.selection_point(fields=["run"], name=SELECTION, on="click[!event.shiftKey]", toggle=False)
    several = alt.selection_point(
        fields=["run"], name=SEVERAL, on="click[event.shiftKey]", toggle="true", clear="dblclick", empty=False
    )
    points = base.encode(x=x, y=y, color=colour, tooltip=_tooltip(cost))
    before = points.transform_filter("!datum.final").mark_point(
        filled=True, size=8 if is_crowded else 25, opacity=0.8, shape="circle"
    )
    size = alt.condition(several, alt.value(380), alt.value(40 if is_crowded else 120))
    final = points.encode(shape=alt.Shape("marker:N", scale=None, legend=None), size=size)
    examples = (
        final.transform_filter("datum.final && datum.origin == 'example'")
        .mark_point(filled=False, strokeWidth=2.5, opacity=1, cursor="pointer")
        .add_params(chosen, several)
    )
    yours = final.transform_filter("datum.final && datum.origin == 'yours'").mark_point(
        filled=True, opacity=1, cursor="pointer"
    )
    rule = (
        base.transform_aggregate(dense="max(dense_accuracy)")
        .mark_rule(color=palette.GREY, strokeDash=[8, 4], strokeWidth=1.5)
        .encode(y=alt.Y("dense:Q"), tooltip=[alt.Tooltip("dense:Q", format=".2%", title="dense accuracy")])
    )
    return alt.layer(rule, front, rise, before, examples, yours).properties(
        height=360, description=tradeoff_alt(frame, cost)
    )


def tradeoff_alt(frame: pd.DataFrame, cost: str = "parameters") -> str:
    """Alternative text of `tradeoff_chart(frame, cost)`."""
    runs = frame["run"].nunique()
    return (
        f"Scatter of test accuracy against {COST_WORDS[cost]} for {fmt.plural(runs, 'run')}: markers are final "
        f"networks, hollow for example runs; small dots before fine-tuning. {tradeoff_title(frame, cost)}."
    )


def _tooltip(cost: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("label:N", title="run"),
        alt.Tooltip("stage:N", title="network"),
        alt.Tooltip("accuracy:Q", format=".2%", title="accuracy"),
        alt.Tooltip("parameters:Q", format=","),
        alt.Tooltip("macs:Q", format=",", title="MACs"),
        alt.Tooltip("latency:Q", format=".2f", title="latency, ms"),
        alt.Tooltip("share:Q", format=".1%", title=f"{COST_WORDS[cost]} kept"),
        alt.Tooltip("origin:N"),
    ]
