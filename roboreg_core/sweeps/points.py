"""Points: schedules that were pruned and measured, whatever for. All that is analysed is computed from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roboreg_core.errors import SpecError
from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import N_BLOCKS, Schedule

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

N_CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """How many of a set of images a network got right.

    Attributes:
        right: of each class, in the order of `data.images.CLASSES`.
        images: how many there were of each.
    """

    right: tuple[int, ...]
    images: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "right", tuple(self.right))
        object.__setattr__(self, "images", tuple(self.images))
        if len(self.right) != N_CLASSES or len(self.images) != N_CLASSES:
            raise SpecError(f"right and images must hold {N_CLASSES} counts, got {len(self.right)}, {len(self.images)}")
        if not all(0 <= right <= images for right, images in zip(self.right, self.images, strict=True)):
            raise SpecError(f"of each class 0 to all images can be right, got {self.right} of {self.images}")

    @classmethod
    def of(cls, predicted: Tensor, labels: Tensor) -> ClassCounts:
        """Count predicted classes (n,) that are the labels (n,)."""
        count = (labels[predicted == labels].bincount(minlength=N_CLASSES), labels.bincount(minlength=N_CLASSES))
        right, images = (tuple(int(value) for value in each) for each in count)
        return cls(right=right, images=images)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ClassCounts:
        """Read what `to_json` wrote."""
        return cls(right=tuple(value["right"]), images=tuple(value["images"]))

    @property
    def total(self) -> int:
        """How many images there were."""
        return sum(self.images)

    @property
    def accuracy(self) -> float:
        """Share of all images that were right, 0..1; 0 of none."""
        return sum(self.right) / self.total if self.total else 0.0

    @property
    def recalls(self) -> tuple[float, ...]:
        """Share of each class that was right, 0..1; 0 of none."""
        return tuple(right / images if images else 0.0 for right, images in zip(self.right, self.images, strict=True))

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal one."""
        return {"right": list(self.right), "images": list(self.images)}


@dataclass(frozen=True, kw_only=True)
class Point:
    """One schedule under one setting, as measured; float32, batch norm folded.

    Attributes:
        schedule: clusters a block that were asked for.
        kept: clusters a block that stayed; fewer where a block has fewer distinct filters.
        validation, test: right after pruning; `test` None where nobody asked for it.
        tuned_validation, tuned_test: after fine-tuning, None without. Of a run's validation only the accuracy is kept,
            see `tuned_validation`.
        latency: seconds for a batch of 256 images, median; None where not measured.
        seconds: what pruning and measuring took, what was shared with other points not counted.
        seed, method, recalibrate, calibration, training_set, dense_sha256: the setting, see `runs.spec.RunSpec`.
        record: id of the record that it was read from; empty where it comes from none.
        run: whether that record is a run, which can be inspected.
    """

    schedule: Schedule
    kept: Schedule
    validation: ClassCounts | None
    test: ClassCounts | None = None
    tuned_validation: float | None = None
    tuned_test: ClassCounts | None = None
    latency: float | None = None
    seconds: float = 0.0
    seed: int = 0
    method: str = ""
    recalibrate: bool = False
    calibration: int = 0
    training_set: str = ""
    dense_sha256: str = ""
    record: str = ""
    run: bool = False

    @property
    def parameters(self) -> int:
        """Parameters of the pruned network."""
        return cost(self.kept).parameters

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the pruned network for one image."""
        return cost(self.kept).macs


def frame(points: Iterable[Point]) -> pd.DataFrame:
    """A row a point.

    Columns: `block 1` .. `block 9` (asked for), `parameters`, `macs`, `size_bytes`, `latency` (seconds), accuracies in
    0..1 `pruned validation`, `pruned test`, `tuned validation`, `tuned test` (NaN where not measured), `seed`,
    `schedule` (its text) and `record`.
    """
    import pandas as pd

    rows = []
    for point in points:
        counted = cost(point.kept)
        rows.append(
            {
                **{f"block {block}": count for block, count in enumerate(point.schedule, start=1)},
                "parameters": counted.parameters,
                "macs": counted.macs,
                "size_bytes": counted.size_bytes,
                "latency": point.latency,
                "pruned validation": _accuracy(point.validation),
                "pruned test": _accuracy(point.test),
                "tuned validation": point.tuned_validation,
                "tuned test": _accuracy(point.tuned_test),
                "seed": point.seed,
                "schedule": str(point.schedule),
                "record": point.record,
            }
        )
    columns = [f"block {block}" for block in range(1, N_BLOCKS + 1)] + [*FIGURES, "seed", "schedule", "record"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype(dict.fromkeys(FIGURES[3:], float))


# What a point is measured by, in the order of `frame`'s columns.
FIGURES = (
    "parameters",
    "macs",
    "size_bytes",
    "latency",
    "pruned validation",
    "pruned test",
    "tuned validation",
    "tuned test",
)


def _accuracy(seen: ClassCounts | None) -> float | None:
    return seen.accuracy if seen is not None else None


def to_json(point: Point) -> dict[str, Any]:
    """A JSON object from which `from_json` makes an equal point."""
    plain = {name: getattr(point, name) for name in Point.__dataclass_fields__}
    return {
        **plain,
        "schedule": point.schedule.to_json(),
        "kept": point.kept.to_json(),
        **{name: plain[name].to_json() if plain[name] is not None else None for name in _SEEN},
    }


def from_json(value: dict[str, Any]) -> Point:
    """Read what `to_json` wrote."""
    seen = {name: ClassCounts.from_json(value[name]) if value.get(name) is not None else None for name in _SEEN}
    schedules = {name: Schedule.from_json(value[name]) for name in ("schedule", "kept")}
    return Point(**{**value, **schedules, **seen})


_SEEN = ("validation", "test", "tuned_test")
