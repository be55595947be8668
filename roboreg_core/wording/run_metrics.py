"""Metrics by which runs are compared: label, value, format and direction of each, for tables, charts and orders."""

from collections.abc import Callable
from dataclasses import dataclass

from roboreg_core.evaluation.paired_tests import Verdict
from roboreg_core.runs.comparison import ComparedRun
from roboreg_core.runs.metric_changes import MetricChange, counts_of
from roboreg_core.runs.results import final_stage
from roboreg_core.store.records import Record
from roboreg_core.wording import fmt, run_facts


@dataclass(frozen=True, kw_only=True)
class RunMetric:
    """A metric of a run's final network.

    Attributes:
        label: name inside a sentence; in sentence case, the heading of a column.
        axis: axis title with the unit.
        order: name of the order with the best run first.
        value: the metric of a run.
        change: the metric of a compared run and of its baseline.
        verdict: the paired test of the change; None for exact counts and timings.
        text: formats a value with its unit.
        higher_is_better: the direction.
    """

    label: str
    axis: str
    order: str
    value: Callable[[Record], float]
    change: Callable[[ComparedRun], MetricChange]
    verdict: Callable[[ComparedRun], Verdict] | None = None
    text: Callable[[float], str]
    higher_is_better: bool = False

    def change_text(self, change: MetricChange) -> str:
        """The change against the baseline: percentage points where it is tested, else percent."""
        return fmt.signed_percent(change.relative) if self.verdict is None else fmt.signed_points(change.difference, 2)


def worst_recall(record: Record) -> float:
    """Lowest recall of any class, 0..1, of the final network."""
    return min(float(row["recall"]) for row in run_facts.report_of(record, final_stage(record))["per_class"])


def worst_class(row: ComparedRun) -> int:
    """Index of the class with the lowest recall."""
    return min(range(len(row.recalls)), key=lambda place: row.recalls[place].value)


def _cost(name: str, label: str, axis: str, order: str, text: Callable[[float], str]) -> RunMetric:
    return RunMetric(
        label=label,
        axis=axis,
        order=order,
        value=lambda record: counts_of(record, "final")[name],
        change=lambda row: row.counts[name],
        text=text,
    )


# By their key in URLs and data frames, in the order of Compare's columns.
METRICS = {
    "accuracy": RunMetric(
        label="test accuracy",
        axis="test accuracy",
        order="Most accurate first",
        value=run_facts.accuracy,
        change=lambda row: row.accuracy,
        verdict=lambda row: row.paired.verdict,
        text=lambda value: fmt.percent(value, 2),
        higher_is_better=True,
    ),
    "worst": RunMetric(
        label="worst-class recall",
        axis="worst-class recall",
        order="Highest worst-class recall first",
        value=worst_recall,
        change=lambda row: row.recalls[worst_class(row)],
        verdict=lambda row: row.paired.per_class[worst_class(row)].verdict,
        text=fmt.percent,
        higher_is_better=True,
    ),
    "parameters": _cost(
        "parameters", "parameters", "parameters", "Fewest parameters first", lambda value: fmt.count(int(value))
    ),
    "macs": _cost("macs", "MACs", "MACs per image", "Fewest MACs first", fmt.millions),
    "latency": _cost("latency", "latency", "latency of one image, ms", "Lowest latency first", fmt.milliseconds),
}
