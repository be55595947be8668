"""Figures of a run beside a baseline's: exact counts, timings, rows of the report. Plain values, ready to be shown."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roboreg_core.store.records import Record

MEASURES = ("precision", "recall", "f1")
# What can be set against accuracy; less is better.
COSTS = ("parameters", "macs", "latency")
BATCHES = (1, 256)


@dataclass(frozen=True, kw_only=True)
class MetricChange:
    """A figure and the baseline's."""

    value: float
    baseline: float

    @property
    def difference(self) -> float:
        """Value minus baseline."""
        return self.value - self.baseline

    @property
    def relative(self) -> float:
        """The difference as a share of the baseline, -1 and up; 0 where the baseline is 0."""
        return self.difference / self.baseline if self.baseline else 0.0

    def to_json(self) -> dict[str, float]:
        """All four figures."""
        return {**asdict(self), "difference": self.difference, "relative": self.relative}


@dataclass(frozen=True, kw_only=True)
class Speed:
    """A network's timing at one size of batch, as milliseconds a batch and as images a second.

    Medians with 10th and 90th percentile; `low` is always the smaller number.
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
        """Read a `Timing` as JSON."""
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

    def is_apart(self, other: Speed) -> bool:
        """True where the spreads of the two do not overlap."""
        return self.milliseconds_high < other.milliseconds_low or other.milliseconds_high < self.milliseconds_low


def speed_of(record: Record, network: str, batch: int) -> Speed:
    """The measured speed of a run's `dense` or `final` network at a batch of 1 or 256."""
    return Speed.of(record.result["latency"][f"{network}_batch_{batch}"])


def counts_of(record: Record, network: str) -> dict[str, float]:
    """Parameters, MACs, FLOPs, bytes of tensors and milliseconds of latency of the `dense` or `final` network."""
    cost = record.result["dense_cost" if network == "dense" else "cost"]
    return {
        "parameters": cost["parameters"],
        "macs": cost["macs"],
        "flops": 2 * cost["macs"],
        "size_bytes": cost["size_bytes"],
        "latency": speed_of(record, network, 1).milliseconds,
    }


def pairs(values: dict[str, float], baseline: dict[str, float]) -> dict[str, MetricChange]:
    """The figures that both have, side by side."""
    return {name: MetricChange(value=value, baseline=baseline[name]) for name, value in values.items()}


def report_rows(report: dict[str, Any], baseline: dict[str, Any]) -> list[dict[str, Any]]:
    """The report as rows, a class each, then macro and weighted average, with each measure's change to the baseline."""
    rows = zip(_rows(report), _rows(baseline), strict=True)
    return [
        {**row, **{f"{measure}_change": row[measure] - before[measure] for measure in MEASURES}} for row, before in rows
    ]


def layer_rows(record: Record) -> list[dict[str, Any]]:
    """A row a layer: filters, parameters and MACs, dense and pruned, and the share that stays."""
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
