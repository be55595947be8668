"""Comparability of runs: differences between them besides schedule and method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from roboreg_core.datasets.dataset import CIFAR10, is_cifar10, name_of
from roboreg_core.runs.spec import method_version
from roboreg_core.schedules.schedule import Schedule

if TYPE_CHECKING:
    from roboreg_core.store.records import Record


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """A property that differs between runs.

    Attributes:
        what: the property, e.g. `seed`.
        concerns: the metric it influences, `accuracy` or `latency`.
        values: value of the property -> ids of the runs that have it, in the order of the runs.
    """

    what: str
    concerns: str
    values: dict[str, tuple[str, ...]]

    @property
    def words(self) -> str:
        """The difference as a sentence, e.g. `The seed differs: 0 in 3 runs; 1 in 1 run`."""
        parts = [f"{value} in {len(ids)} run{'' if len(ids) == 1 else 's'}" for value, ids in self.values.items()]
        verb = "differ" if self.what.endswith(" images") and not self.what.startswith("number") else "differs"
        return f"The {self.what} {verb}: {'; '.join(parts)}"

    def to_json(self) -> dict[str, Any]:
        """JSON object: `what`, `concerns`, `values` and `words`."""
        return {**asdict(self), "values": {value: list(ids) for value, ids in self.values.items()}, "words": self.words}


def mismatches(records: Sequence[Record]) -> tuple[Mismatch, ...]:
    """The properties that differ between runs, besides schedule and method; those that influence accuracy first."""
    found = []
    for what, (concerns, read) in _READ.items():
        values: dict[str, list[str]] = {}
        for record in records:
            values.setdefault(read(record), []).append(record.id)
        if len(values) > 1:
            ids = {value: tuple(names) for value, names in values.items()}
            found.append(Mismatch(what=what, concerns=concerns, values=ids))
    return tuple(found)


def tuning_words(spec: dict[str, Any]) -> str:
    """A run's fine-tuning as text: `none`, or `4 epochs (quick), learning rate 0.01, batch size 128, distilled`."""
    epochs = spec["epochs"]
    if not epochs:
        return "none"
    # Older runs have no preset and no distillation.
    preset = f" ({spec['preset']})" if "preset" in spec else ""
    target = "distilled" if spec.get("distil", False) else "labels only"
    return (
        f"{epochs} epoch{'' if epochs == 1 else 's'}{preset}, learning rate {spec['learning_rate']:g}, "
        f"batch size {spec['batch_size']}, {target}"
    )


def _version(record: Record) -> str:
    version = method_version(record)
    return "unknown" if version is None else str(version)


def _machine(record: Record) -> str:
    environment = record.result["environment"]
    return f"{environment['device']} ({environment.get('machine', 'unknown')}), {environment['threads']} threads"


def _dataset(record: Record) -> str:
    training_set = record.spec["training_set"]
    return CIFAR10.name if is_cifar10(training_set) else f"{name_of(training_set)} ({training_set})"


_READ: dict[str, tuple[str, Callable[[Record], str]]] = {
    "data set": ("accuracy", _dataset),
    "training images": ("accuracy", lambda record: str(record.result["images"]["training"])),
    "test images": ("accuracy", lambda record: str(record.result["images"]["test"])),
    "architecture": ("accuracy", lambda record: Schedule.from_stored(record.spec).architecture.label),
    "dense network": ("accuracy", lambda record: f"{record.spec['dense']} {record.spec['dense_sha256'][:8]}"),
    "fine-tuning": ("accuracy", lambda record: tuning_words(record.spec)),
    "seed": ("accuracy", lambda record: str(record.spec["seed"])),
    "number of calibration images": ("accuracy", lambda record: f"{record.spec.get('calibration', 1_000):,}"),
    "version of the method": ("accuracy", _version),
    "machine": ("latency", _machine),
    "version of torch": ("latency", lambda record: str(record.result["environment"].get("torch", "unknown"))),
}
