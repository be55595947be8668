"""Filter and order runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from roboreg_core.datasets.dataset import CIFAR10, is_cifar10, name_of
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.records import Record
from roboreg_core.wording import fmt, run_facts
from roboreg_core.wording.run_metrics import METRICS, worst_row

# Name for a schedule that is not a preset.
OTHER = "other"

# Label, sort key and descending order by name; `chosen` keeps the given order.
ORDERS: dict[str, tuple[str, Callable[[Record], float] | None, bool]] = {
    "chosen": ("As chosen", None, False),
    **{name: (metric.order, metric.value, metric.higher_is_better) for name, metric in METRICS.items()},
}


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Conditions on a run; None and the empty text match every run.

    Attributes:
        method: name of the method.
        origin: `recorded` (an example run) or `own`.
        preset: name of a preset schedule, or `other` for schedules that are none.
        architecture: name of the architecture, e.g. `resnet56-B`.
        data: id of the data set.
        text: words, each contained in the run's label, its id or a name under which its schedule is saved.
        accuracy: lowest test accuracy, 0..1.
        worst: lowest worst-class recall, 0..1.
        parameters: largest share of the dense network's parameters, 0..1.
    """

    method: str | None = None
    origin: str | None = None
    preset: str | None = None
    architecture: str | None = None
    data: str | None = None
    text: str = ""
    accuracy: float | None = None
    worst: float | None = None
    parameters: float | None = None

    def keeps(self, record: Record, names: Sequence[str] = ()) -> bool:
        """True if a run meets all conditions; `names` are the names under which its schedule is saved."""
        share = record.result["cost"]["parameters"] / record.result["dense_cost"]["parameters"]
        return (
            self.method in (None, record.spec["method"])
            and self.origin in (None, "recorded" if record.recorded else "own")
            and (self.preset is None or self.preset == preset_of(record))
            and (self.architecture is None or self.architecture == run_facts.schedule_of(record).architecture.name)
            and self.data in (None, data_of(record.spec["training_set"]))
            and (self.accuracy is None or run_facts.accuracy(record) >= self.accuracy)
            and (self.worst is None or worst_row(record)["recall"] >= self.worst)
            and (self.parameters is None or share <= self.parameters)
            and (not self.text.strip() or self._mentions(record, names))
        )

    def _mentions(self, record: Record, names: Sequence[str]) -> bool:
        text = " ".join((run_facts.label(record), record.id, *names)).casefold().replace(fmt.NBSP, " ")
        return all(word in text for word in self.text.casefold().split())


def preset_of(record: Record) -> str:
    """Name of the preset equal to the run's schedule, else `other`."""
    return run_facts.schedule_of(record).name or OTHER


def data_of(training_set: str) -> str:
    """Id of the data set that a spec's `training_set` belongs to, e.g. `cifar10` for `bundled` and `full`."""
    return CIFAR10.id if is_cifar10(training_set) else training_set


def data_words(data: str) -> str:
    """Name of the data set with the id `data`; the id itself if the data set does not exist."""
    return CIFAR10.name if data == CIFAR10.id else fmt.inline_text(name_of(data))


def chosen(
    records: Sequence[Record],
    conditions: RunFilter,
    order: str = "chosen",
    names: Mapping[Schedule, Sequence[str]] | None = None,
) -> list[Record]:
    """The runs that meet the conditions, in the order `order`, a key of `ORDERS`.

    `names` maps a schedule to the names under which it is saved.
    """
    kept = [
        each for each in records if conditions.keeps(each, names.get(run_facts.schedule_of(each), ()) if names else ())
    ]
    _, key, descending = ORDERS[order]
    return kept if key is None else sorted(kept, key=key, reverse=descending)
