"""Metrics by which runs are compared: label, value, format and direction of each, for tables, charts and orders."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from roboreg_core.evaluation.paired_tests import Verdict
from roboreg_core.runs.comparison import ComparedRun
from roboreg_core.runs.metric_changes import MetricChange, counts_of, worst_class
from roboreg_core.runs.results import final_stage, report_of
from roboreg_core.runs.summary import DENSE
from roboreg_core.store.records import Record
from roboreg_core.wording import fmt, run_facts


@dataclass(frozen=True, kw_only=True)
class RunMetric:
    """A metric by which runs are compared; each is a column of Compare, of its report and of its CSV file.

    Attributes:
        label: name inside a sentence; in sentence case, the heading of a column.
        axis: axis title with the unit.
        order: name of the sort order by this metric, best run first.
        value_of: returns the metric of a run's network, `dense` or `final`.
        change: returns the metric of a compared run and of its baseline; None if their test images differ.
        verdict: returns the paired test of the change, None if the test images differ; None for metrics without a
            test, such as costs.
        qualifier: returns text before the value, such as the class with the lowest recall; takes the same arguments as
            `value_of`.
        text: formats a value with its unit.
        higher_is_better: direction of the order and, without a test, of gains and losses.
        is_timing: True if repeated measurements differ; the change is then not judged.
    """

    label: str
    axis: str
    order: str
    value_of: Callable[[Record, str], float]
    change: Callable[[ComparedRun], MetricChange | None]
    verdict: Callable[[ComparedRun], Verdict | None] | None = None
    qualifier: Callable[[Record, str], str] = lambda record, network: ""
    text: Callable[[float], str]
    higher_is_better: bool = False
    is_timing: bool = False

    @property
    def heading(self) -> str:
        """The label in sentence case."""
        return fmt.sentence_case(self.label)

    def change_text(self, change: MetricChange) -> str:
        """The change against the baseline as text: percentage points for accuracy and recall, percent for costs."""
        return fmt.signed_percent(change.relative) if self.verdict is None else fmt.signed_points(change.difference, 2)

    def kind(self, row: ComparedRun) -> str:
        """Verdict on the change against the baseline: `gain` (better), `loss` (worse), `no change` or `within noise`.

        Empty for timings, and for a row without a baseline on the same images.
        """
        change, verdict = self.change(row), self.verdict(row) if self.verdict is not None else None
        if change is None or self.is_timing:
            return ""
        if verdict is not None:
            return run_facts.judged(change.value, change.baseline, verdict).verdict
        return run_facts.counted(change.value, change.baseline, higher_is_better=self.higher_is_better).verdict

    def value(self, record: Record, network: str = "final") -> float:
        """The metric of the network `dense` or `final` of a run, unrounded."""
        return self.value_of(record, network)

    def figure(self, record: Record, network: str) -> str:
        """The metric of the network `dense` or `final` of a run, as text with its unit."""
        return f"{self.qualifier(record, network)} {self.text(self.value(record, network))}".strip()


def worst_row(record: Record, network: str = "final") -> dict[str, Any]:
    """Metrics of the class with the lowest recall in a run's network, `dense` or `final`: `ClassMetrics` as JSON."""
    rows: list[dict[str, Any]] = _report(record, network)["per_class"]
    return rows[worst_class(rows)]


def _report(record: Record, network: str) -> dict[str, Any]:
    return report_of(record, DENSE if network == "dense" else final_stage(record))


def _worst_class(row: ComparedRun) -> int:
    return worst_class(report_of(row.record, row.stage)["per_class"])


def _cost(
    name: str, label: str, axis: str, order: str, text: Callable[[float], str], *, is_timing: bool = False
) -> RunMetric:
    return RunMetric(
        label=label,
        axis=axis,
        order=order,
        value_of=lambda record, network: counts_of(record, network)[name],
        change=lambda row: row.counts[name],
        text=text,
        is_timing=is_timing,
    )


# By their key in URLs and data frames, in the order of Compare's columns.
METRICS = {
    "accuracy": RunMetric(
        label="test accuracy",
        axis="test accuracy",
        order="Most accurate first",
        value_of=lambda record, network: float(_report(record, network)["accuracy"]),
        change=lambda row: row.accuracy if row.paired else None,
        verdict=lambda row: row.paired.verdict if row.paired else None,
        text=lambda value: fmt.percent(value, 2),
        higher_is_better=True,
    ),
    "worst": RunMetric(
        label="worst-class recall",
        axis="worst-class recall",
        order="Highest worst-class recall first",
        value_of=lambda record, network: float(worst_row(record, network)["recall"]),
        change=lambda row: row.recalls[_worst_class(row)] if row.recalls else None,
        verdict=lambda row: row.paired.per_class[_worst_class(row)].verdict if row.paired else None,
        qualifier=lambda record, network: worst_row(record, network)["name"],
        text=fmt.percent,
        higher_is_better=True,
    ),
    "parameters": _cost(
        "parameters", "parameters", "parameters", "Fewest parameters first", lambda value: fmt.count(int(value))
    ),
    "macs": _cost("macs", "MACs", "MACs per image", "Fewest MACs first", fmt.millions),
    "latency": _cost(
        "latency", "latency", "latency of one image, ms", "Lowest latency first", fmt.milliseconds, is_timing=True
    ),
}
