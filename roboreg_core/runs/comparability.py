"""Whether runs may be set side by side: what differs among them besides schedule and method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from roboreg_core.runs.spec import method_version

if TYPE_CHECKING:
    from roboreg_core.store.records import Record


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """One thing that is not the same in all runs.

    Attributes:
        what: e.g. `seed`.
        concerns: `accuracy` or `latency`, what may therefore differ by itself.
        values: what it is -> ids of the runs where it is so, in the order of the runs.
    """

    what: str
    concerns: str
    values: dict[str, tuple[str, ...]]

    @property
    def words(self) -> str:
        """What differs and in how many runs, e.g. `The seed differs: 0 in 3 runs; 1 in 1 run`."""
        parts = [f"{value} in {len(ids)} run{'' if len(ids) == 1 else 's'}" for value, ids in self.values.items()]
        verb = "differ" if self.what.endswith(" images") and not self.what.startswith("number") else "differs"
        return f"The {self.what} {verb}: {'; '.join(parts)}"

    def to_json(self) -> dict[str, Any]:
        """All of it as a JSON object."""
        return {**asdict(self), "values": {value: list(ids) for value, ids in self.values.items()}, "words": self.words}


def unlike(records: Sequence[Record]) -> tuple[Mismatch, ...]:
    """What differs among runs, what concerns accuracy first; () where they are like for like."""
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
    """How a run was fine-tuned: `4 epochs (quick), rate 0.01, batches of 128, distilled`."""
    epochs = spec["epochs"]
    if not epochs:
        return "none"
    # Runs stored before there were presets, or distillation, name neither.
    preset = f" ({spec['preset']})" if "preset" in spec else ""
    learnt = "distilled" if spec.get("distil", False) else "from labels alone"
    return (
        f"{epochs} epoch{'' if epochs == 1 else 's'}{preset}, rate {spec['learning_rate']:g}, "
        f"batches of {spec['batch_size']}, {learnt}"
    )


def _version(record: Record) -> str:
    version = method_version(record)
    return "unknown" if version is None else str(version)


def _machine(record: Record) -> str:
    environment = record.result["environment"]
    return f"{environment['device']} ({environment.get('machine', 'unknown')}), {environment['threads']} threads"


_READ: dict[str, tuple[str, Callable[[Record], str]]] = {
    "training images": ("accuracy", lambda record: str(record.result["images"]["training"])),
    "test images": ("accuracy", lambda record: str(record.result["images"]["test"])),
    "dense network": ("accuracy", lambda record: f"{record.spec['dense']} {record.spec['dense_sha256'][:8]}"),
    "fine-tuning": ("accuracy", lambda record: tuning_words(record.spec)),
    "seed": ("accuracy", lambda record: str(record.spec["seed"])),
    "number of calibration images": ("accuracy", lambda record: f"{record.spec.get('calibration', 1_000):,}"),
    "version of the method": ("accuracy", _version),
    "machine": ("latency", _machine),
    "version of torch": ("latency", lambda record: str(record.result["environment"].get("torch", "unknown"))),
}
