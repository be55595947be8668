"""Which of many runs are shown, and in what order: what a person asks who has to choose one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roboreg_core.runs.metric_pairs import counts_of
from roboreg_core.runs.results import final_stage
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.records import Record
from roboreg_core.wording import run_facts

# A schedule that is no preset.
OTHER = "other"


def _worst_recall(record: Record) -> float:
    return min(float(row["recall"]) for row in run_facts.report_of(record, final_stage(record))["per_class"])


# Name -> how it is called, what is sorted by, whether the largest comes first. `chosen` leaves the order as it is.
ORDERS: dict[str, tuple[str, Callable[[Record], float] | None, bool]] = {
    "chosen": ("As chosen", None, False),
    "accuracy": ("Most accurate first", run_facts.accuracy, True),
    "parameters": ("Fewest parameters first", lambda record: counts_of(record, "final")["parameters"], False),
    "macs": ("Fewest MACs first", lambda record: counts_of(record, "final")["macs"], False),
    "latency": ("Fastest first", lambda record: counts_of(record, "final")["latency"], False),
    "worst": ("Best worst class first", _worst_recall, True),
}


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Conditions that a run must meet; None and the empty text let every run pass.

    Attributes:
        method: the method's name.
        origin: `recorded` or `own`.
        preset: the schedule's name, or `other` for one without.
        text: every word of it must be in the run's label, its id or a name that its schedule is saved under.
        accuracy: the least test accuracy, 0..1, of the final network.
        worst: the least recall, 0..1, of its worst class.
        parameters: the most parameters, as a share of the dense network's.
    """

    method: str | None = None
    origin: str | None = None
    preset: str | None = None
    text: str = ""
    accuracy: float | None = None
    worst: float | None = None
    parameters: float | None = None

    def keeps(self, record: Record, names: Sequence[str] = ()) -> bool:
        """Whether a run meets all conditions; `names` are those that its schedule is saved under."""
        share = record.result["cost"]["parameters"] / record.result["dense_cost"]["parameters"]
        return (
            self.method in (None, record.spec["method"])
            and self.origin in (None, origin_of(record))
            and self.preset in (None, preset_of(record))
            and (self.accuracy is None or run_facts.accuracy(record) >= self.accuracy)
            and (self.worst is None or _worst_recall(record) >= self.worst)
            and (self.parameters is None or share <= self.parameters)
            and (not self.text.strip() or self._says(record, names))
        )

    def _says(self, record: Record, names: Sequence[str]) -> bool:
        told = " ".join((run_facts.label(record), record.id, *names)).casefold().replace("\u00a0", " ")
        return all(word in told for word in self.text.casefold().split())


def origin_of(record: Record) -> str:
    """`recorded` or `own`."""
    return "recorded" if record.recorded else "own"


def preset_of(record: Record) -> str:
    """The name of the run's schedule, or `other`."""
    return run_facts.schedule_of(record).name or OTHER


def chosen(
    records: Sequence[Record],
    conditions: RunFilter,
    order: str = "chosen",
    names: Mapping[Schedule, Sequence[str]] | None = None,
) -> list[Record]:
    """The runs that meet the conditions, in one of `ORDERS`; `names` are those that schedules are saved under."""
    kept = [each for each in records if conditions.keeps(each, (names or {}).get(run_facts.schedule_of(each), ()))]
    _, by, largest_first = ORDERS[order]
    key: Callable[[Record], Any] | None = by
    return kept if key is None else sorted(kept, key=key, reverse=largest_first)
