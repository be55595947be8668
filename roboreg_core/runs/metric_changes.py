"""Changes of a run's metrics against a baseline: cost, latency, and rows of the classification report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roboreg_core.store.records import Record

MEASURES = ("precision", "recall", "f1")
# Costs to compare with accuracy; lower is better.
COSTS = ("parameters", "macs", "latency")
BATCHES = (1, 256)


@dataclass(frozen=True, kw_only=True)
class MetricChange:
    """A metric of a run and of its baseline, in the metric's own unit."""

    value: float
    baseline: float

    @property
    def difference(self) -> float:
        """Value minus the baseline's value."""
        return self.value - self.baseline

    @property
    def relative(self) -> float:
        """The difference divided by the baseline's value, at least -1; 0 if that value is 0."""
        return self.difference / self.baseline if self.baseline else 0.0

    def to_json(self) -> dict[str, float]:
        """JSON object: `value`, `baseline`, `difference` and `relative`."""
        return {**asdict(self), "difference": self.difference, "relative": self.relative}


@dataclass(frozen=True, kw_only=True)
class Speed:
    """A network's latency (milliseconds per batch) and throughput (images per second) at one batch size.

    Medians over `repeats` batches, with the 10th (`_low`) and the 90th percentile (`_high`).
    """

    batch: int
    milliseconds: float
    milliseconds_low: float
    milliseconds_high: float
    images_per_second: float
    images_per_second_low: float
    images_per_second_high: float
    repeats: int
    device: str
    threads: int

    @classmethod
    def of(cls, timing: dict[str, Any]) -> Speed:
        """Speed from an `evaluation.latency.Timing` as JSON."""
        batch = timing["batch"]
        return cls(
            batch=batch,
            milliseconds=timing["median"] * 1e3,
            milliseconds_low=timing["low"] * 1e3,
            milliseconds_high=timing["high"] * 1e3,
            images_per_second=batch / timing["median"],
            images_per_second_low=batch / timing["high"],
            images_per_second_high=batch / timing["low"],
            repeats=timing["repeats"],
            device=timing["device"],
            threads=timing["threads"],
        )

    def is_distinguishable_from(self, other: Speed) -> bool:
        """True if the intervals from 10th to 90th percentile of the two latencies do not overlap."""
        return self.milliseconds_high < other.milliseconds_low or other.milliseconds_high < self.milliseconds_low


def speed_of(record: Record, network: str, batch: int) -> Speed:
    """The measured speed of a run's `dense` or `final` network at a batch size of `BATCHES`."""
    return Speed.of(record.result["latency"][f"{network}_batch_{batch}"])


def counts_of(record: Record, network: str) -> dict[str, float]:
    """Costs of a run's `dense` or `final` network by name.

    Names: `parameters`, `macs` and `flops` per image, `size_bytes`, and `latency` (milliseconds, batch size 1).
    """
    cost = record.result["dense_cost" if network == "dense" else "cost"]
    return {
        "parameters": cost["parameters"],
        "macs": cost["macs"],
        "flops": 2 * cost["macs"],
        "size_bytes": cost["size_bytes"],
        "latency": record.result["latency"][f"{network}_batch_1"]["median"] * 1e3,
    }


def count_changes(record: Record, baseline: Record, network: str) -> dict[str, MetricChange]:
    """Costs of the final network of `record` compared with those of the run `baseline`, by name as in `counts_of`.

    `network` is the network of `baseline`: `dense` or `final`.
    """
    before = counts_of(baseline, network)
    return {
        name: MetricChange(value=value, baseline=before[name]) for name, value in counts_of(record, "final").items()
    }


def report_rows(report: dict[str, Any], baseline: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per class, then the macro and the weighted average, of a report compared with that of the baseline.

    Both arguments are an `evaluation.metrics.Report` as JSON. A row has the fields of `ClassMetrics`, and
    `precision_change`, `recall_change` and `f1_change`: differences of fractions, -1..1.
    """
    rows = zip(_rows(report), _rows(baseline), strict=True)
    return [
        {**row, **{f"{measure}_change": row[measure] - before[measure] for measure in MEASURES}} for row, before in rows
    ]


def worst_class(per_class: Sequence[dict[str, Any]]) -> int:
    """Index of the class with the lowest recall; classes without images are ignored.

    `per_class` are the rows of an `evaluation.metrics.Report` as JSON.
    """
    measured = [index for index, row in enumerate(per_class) if row["support"]]
    return min(measured, key=lambda index: float(per_class[index]["recall"]))


def layer_rows(record: Record) -> list[dict[str, Any]]:
    """One row per layer with filters, parameters and MACs of the final network.

    The suffix `_dense` marks the dense network's numbers, `_kept` the share that is kept, 0..1.
    """
    dense, pruned = record.result["dense_cost"]["layers"], record.result["cost"]["layers"]
    return [
        {
            "layer": before["name"],
            "filters_dense": before["outputs"],
            "filters": after["outputs"],
            "parameters_dense": before["parameters"],
            "parameters": after["parameters"],
            "parameters_kept": after["parameters"] / before["parameters"],
            "macs_dense": before["macs"],
            "macs": after["macs"],
            "macs_kept": after["macs"] / before["macs"],
        }
        for before, after in zip(dense, pruned, strict=True)
    ]


def _rows(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [*report["per_class"], report["macro"], report["weighted"]]
