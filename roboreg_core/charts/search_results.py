"""Results of a schedule search: accuracy against MACs, the Pareto front, and uniform schedules for comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import RATE, Chosen, Drawing, clickable
from roboreg_core.models.costs import cost
from roboreg_core.wording import fmt
from roboreg_core.wording.run_metrics import METRICS

if TYPE_CHECKING:
    from roboreg_core.search.candidates import Candidate

# Name of the selection; its field is `schedule`.
SELECTION = "answer"
RESULT, FRONT, UNIFORM, TRIED = "result", "front", "uniform", "tried"
COLUMNS = [
    "schedule", "label", "kind", "number", "macs", "share", "parameters", "size_bytes", "accuracy", "low", "high",
    "drop", "worst_class", "worst_drop", "latency", "how",
]  # fmt: skip


def search_data(
    results: Sequence[Candidate],
    front: Sequence[Candidate] = (),
    uniform: Sequence[Candidate] = (),
    tried: Sequence[Candidate] = (),
    *,
    classes: Sequence[str],
) -> pd.DataFrame:
    """One row per schedule, by kind: `result`, `front`, `uniform` or `tried`; sorted by MACs within a kind.

    The arguments are the schedules of each kind: those found, the Pareto front, uniform schedules for comparison, and
    those that the search measured. `classes` are the class names.

    Columns: `schedule`, `label`, `kind`, `number` (rank of a result, else 0); costs `macs`, its `share` of the dense
    network's, `parameters`, `size_bytes`; `accuracy` by which candidates are ranked, with interval `low` to `high`;
    `drop` and, of the class `worst_class`, `worst_drop`: losses against the dense network as shares; `latency` in
    seconds per batch of 256, measured if possible, else estimated; `how`, `measured` or `predicted`.
    """
    rows: list[dict[str, Any]] = []
    for kind, found in ((RESULT, results), (FRONT, front), (UNIFORM, uniform), (TRIED, tried)):
        numbered = [
            _row(kind, number if kind == RESULT else 0, each, classes) for number, each in enumerate(found, start=1)
        ]
        rows += sorted(numbered, key=lambda row: row["macs"])
    return pd.DataFrame(rows, columns=COLUMNS)


def search_title(frame: pd.DataFrame) -> str:
    """Title for `search_data`'s frame: accuracy of the best schedule, and of the best uniform one at its cost."""
    results = frame[frame["kind"] == RESULT]
    if results.empty:
        return "No schedule within the limits was found"
    best = results.sort_values("number").iloc[0]
    text = f"{fmt.percent(best['share'])} of the MACs: {fmt.percent(best['accuracy'])} {best['how']}"
    uniform = frame[(frame["kind"] == UNIFORM) & (frame["macs"] <= best["macs"])]
    if uniform.empty:
        return text
    rival = uniform.sort_values("accuracy").iloc[-1]
    ahead = float(best["accuracy"] - rival["accuracy"])
    if round(1_000 * ahead) == 0:
        return f"{text}, equal to the best uniform schedule at that cost"
    return f"{text}, {fmt.points(ahead)} {'more' if ahead > 0 else 'less'} than the best uniform schedule at that cost"


def search_chart(frame: pd.DataFrame, chosen: Chosen = ()) -> Drawing:
    """Chart of `search_data`'s frame: numbered results, Pareto front as steps, uniform schedules dotted.

    A click on a result is the selection `answer`, field `schedule`; `chosen` results are selected initially.
    """
    base = alt.Chart(frame).encode(
        x=alt.X(
            "macs:Q",
            title=METRICS["macs"].axis,
            axis=alt.Axis(format="~s", tickCount=8),
            scale=alt.Scale(zero=False, padding=12),
        ),
        y=alt.Y("accuracy:Q", title="validation accuracy before fine-tuning", **RATE),
        tooltip=_tooltip(),
    )

    def of(kind: str) -> Any:
        return base.transform_filter(alt.datum["kind"] == kind)

    uniform = of(UNIFORM).mark_line(
        color=palette.GREY, strokeDash=[2, 3], point={"size": 22, "color": palette.GREY, "shape": "square"}
    )
    tried = of(TRIED).mark_point(filled=True, size=28, opacity=0.55, color=palette.ORANGE, shape="triangle-up")
    front = of(FRONT).mark_line(
        color=palette.BLUE, strokeDash=[6, 3], interpolate="step-after", point={"size": 20, "color": palette.BLUE}
    )
    bars = of(RESULT).mark_rule(color=palette.BLUE, opacity=0.5).encode(y="low:Q", y2="high:Q")
    results = of(RESULT).mark_point(
        filled=True, size=230, opacity=1, color=palette.BLUE, shape="circle", cursor="pointer"
    )
    results = results.add_params(clickable(SELECTION, ("schedule",), chosen))
    numbers = of(RESULT).mark_text(fontSize=11, fontWeight="bold", color=palette.WHITE).encode(text="number:Q")
    return alt.layer(uniform, tried, front, bars, results, numbers).properties(
        height=360, description=search_alt(frame)
    )


def search_alt(frame: pd.DataFrame) -> str:
    """Alternative text of `search_chart(frame)`."""
    results = fmt.plural(int((frame["kind"] == RESULT).sum()), "schedule")
    return (
        f"Accuracy against MACs: {results} as numbered circles with 95 % intervals, the Pareto front as a stepped "
        f"line, uniform schedules as a dotted line. {search_title(frame)}."
    )


def _row(kind: str, number: int, each: Candidate, classes: Sequence[str]) -> dict[str, Any]:
    counted = cost(each.schedule)
    drops = each.class_drops
    return {
        "schedule": str(each.schedule),
        "label": f"{number}: {each.schedule}" if number else each.schedule.label,
        "kind": kind,
        "number": number,
        "macs": counted.macs,
        "share": counted.macs / cost(each.schedule.dense).macs,
        "parameters": counted.parameters,
        "size_bytes": counted.size_bytes,
        "accuracy": each.ranking_accuracy,
        "low": max(0.0, each.ranking_accuracy - each.margin),
        "high": min(1.0, each.ranking_accuracy + each.margin),
        "drop": each.drop,
        "worst_class": classes[each.worst_class] if drops else "",
        "worst_drop": max(drops, default=None),
        "latency": each.timed if each.timed is not None else each.latency,
        "how": "measured" if each.measured is not None else "predicted",
    }


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("label:N", title="schedule"),
        alt.Tooltip("kind:N"),
        alt.Tooltip("accuracy:Q", format=".2%"),
        alt.Tooltip("how:N"),
        alt.Tooltip("macs:Q", format=",", title="MACs"),
        alt.Tooltip("parameters:Q", format=","),
        alt.Tooltip("drop:Q", format=".2%", title="accuracy lost"),
        alt.Tooltip("worst_class:N", title="class with the largest loss"),
        alt.Tooltip("worst_drop:Q", format=".1%", title="its loss"),
    ]
