"""Points: pruned and measured schedules, the data of every analysis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import Schedule

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """Correct predictions of a network per class, in the order of the data set's classes.

    Attributes:
        right: number of correct predictions per class.
        images: number of images per class.

    Raises `SpecError`: the numbers of counts differ, or a class has more correct predictions than images.
    """

    right: tuple[int, ...]
    images: tuple[int, ...]

    def __post_init__(self) -> None:
        if not len(self.right) == len(self.images) > 1:
            raise SpecError(
                f"right and images must hold one count per class, got {len(self.right)} and {len(self.images)}"
            )
        if not all(0 <= right <= images for right, images in zip(self.right, self.images, strict=True)):
            raise SpecError(f"right must be 0..images for each class, got {self.right} of {self.images}")

    @classmethod
    def of(cls, predicted: Tensor, labels: Tensor, n_classes: int) -> ClassCounts:
        """Count correct predictions per class, from predicted classes (n,) and labels (n,)."""
        count = (labels[predicted == labels].bincount(minlength=n_classes), labels.bincount(minlength=n_classes))
        right, images = (tuple(int(value) for value in each) for each in count)
        return cls(right=right, images=images)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ClassCounts:
        """Inverse of `to_json`."""
        return cls(right=tuple(value["right"]), images=tuple(value["images"]))

    @property
    def total(self) -> int:
        """Number of images of all classes together."""
        return sum(self.images)

    @property
    def accuracy(self) -> float:
        """Accuracy, 0..1; 0 without images."""
        return sum(self.right) / self.total if self.total else 0.0

    @property
    def recalls(self) -> tuple[float, ...]:
        """Recall per class, 0..1; 0 for a class without images."""
        return tuple(right / images if images else 0.0 for right, images in zip(self.right, self.images, strict=True))

    def to_json(self) -> dict[str, Any]:
        """JSON object: `right` and `images`, numbers per class."""
        return {"right": list(self.right), "images": list(self.images)}


@dataclass(frozen=True, kw_only=True)
class Point:
    """One schedule pruned and measured under one set of prune settings, in float32 with batch norm folded.

    Attributes:
        schedule: requested filters kept per block.
        kept: actual filters kept per block, fewer if a block has fewer distinct filters.
        validation, test: correct predictions right after pruning; None if not measured.
        tuned_validation: validation accuracy after fine-tuning, 0..1; None without.
        tuned_test: correct predictions on test images after fine-tuning; None without.
        latency: median seconds for a batch of 256 images; None if not measured.
        seconds: duration of pruning and measuring, without work shared with other points.
        seed, method, recalibrate, calibration, training_set, dense_sha256: see `runs.spec.PruneSettings`.
        record: id of the record that it was read from, else empty.
        run: True if that record is a run.
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
        """Multiply-accumulate operations of the pruned network per image."""
        return cost(self.kept).macs


def block_names(architecture: Architecture) -> tuple[str, ...]:
    """Names of the columns of `frame` with the filter counts: `block 1`, `block 2`, ..."""
    return tuple(f"{_BLOCK} {block}" for block in architecture.blocks)


def is_block(name: str) -> bool:
    """True if `name` is that of a column of `frame` with filter counts."""
    return name.startswith(f"{_BLOCK} ")


def frame(points: Iterable[Point]) -> pd.DataFrame:
    """A table with one row per point.

    Columns: `block 1`, `block 2`, ... (requested; NaN where a network has fewer blocks), `FIGURES` (latency in seconds;
    accuracies 0..1, NaN if not measured), `seed`, `schedule` (text), `record` and `architecture`.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for point in points:
        counted = cost(point.kept)
        rows.append(
            {
                **dict(zip(block_names(point.schedule.architecture), point.schedule, strict=True)),
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
                "architecture": point.schedule.architecture,
            }
        )
    architectures = [row["architecture"] for row in rows] or [RESNET20]
    deepest = max(architectures, key=lambda each: each.n_blocks)
    columns = [*block_names(deepest), *FIGURES, "seed", "schedule", "record", "architecture"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype(dict.fromkeys(FIGURES[3:], float))


_BLOCK = "block"
# Metrics of a point, in the order of `frame`'s columns.
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


def _accuracy(counts: ClassCounts | None) -> float | None:
    return counts.accuracy if counts is not None else None


def to_json(point: Point) -> dict[str, Any]:
    """A point as a JSON object from which `from_json` makes an equal point."""
    plain = {name: getattr(point, name) for name in Point.__dataclass_fields__}
    return {
        **plain,
        **point.schedule.stored(),
        "kept": point.kept.to_json(),
        **{name: plain[name].to_json() if plain[name] is not None else None for name in _COUNTS},
    }


def from_json(value: dict[str, Any]) -> Point:
    """Point from a JSON object of `to_json`."""
    counts = {name: ClassCounts.from_json(value[name]) if value.get(name) is not None else None for name in _COUNTS}
    schedules = {name: Schedule.from_stored(value, name) for name in ("schedule", "kept")}
    fields = {name: each for name, each in value.items() if name != "architecture"}
    return Point(**{**fields, **schedules, **counts})


_COUNTS = ("validation", "test", "tuned_test")
