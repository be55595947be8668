"""The measured points: one JSON line per point in one file, replaced atomically."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from roboreg_core.paths import write_atomically

FILE = Path(__file__).resolve().parent.parent / "results.jsonl"


@dataclass(frozen=True, kw_only=True)
class Tune:
    """Fine-tuning settings of a point."""

    preset: str
    epochs: int
    distil: bool
    learning_rate: float
    batch_size: int
    training_set: str


@dataclass(frozen=True, kw_only=True)
class Point:
    """One contestant at one schedule with one seed.

    Attributes:
        id: the run's id; for Torch-Pruning, the hash of everything that determines the result.
        contestant, schedule: names.
        seed: seed of pruning and fine-tuning.
        version: METHOD_VERSION of the code.
        dense_sha256: SHA-256 of the dense network.
        training_set, calibration: source and number of the calibration images.
        parameters, macs: costs of the pruned network.
        dense, pruned, tuned: test accuracy in float32, 0..1; `tuned` None without fine-tuning.
        tune: fine-tuning settings, None without fine-tuning.
        seconds: duration of pruning.
        environment: device, processor, threads, versions.
    """

    id: str
    contestant: str
    schedule: str
    seed: int
    version: int
    dense_sha256: str
    training_set: str
    calibration: int
    parameters: int
    macs: int
    dense: float
    pruned: float
    tuned: float | None
    tune: Tune | None
    seconds: float
    environment: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """Duration of pruning on an idle machine: the median of `repeats`."""

    contestant: str
    schedule: str
    version: int
    seconds: float
    repeats: int
    environment: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Searched:
    """A searched schedule at a budget of MACs, or one that it is compared with.

    Attributes:
        id: the run's id.
        budget: upper limit on MACs, as a share of the dense network's.
        source: `refined` (found by measuring), `greedy` (found by predictions), `uniform` or a preset's name.
        trials: number of measured schedules in the search; 0 without measurements.
        schedule: comma-separated filter counts; chosen on validation images.
        validation: accuracy on validation images, None if not measured.

    The other attributes are those of `Point`.
    """

    id: str
    budget: float
    source: str
    trials: int
    schedule: str
    seed: int
    version: int
    dense_sha256: str
    training_set: str
    calibration: int
    parameters: int
    macs: int
    validation: float | None
    dense: float
    pruned: float
    tuned: float | None
    tune: Tune | None
    environment: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Points:
    """Content of the file."""

    points: tuple[Point, ...] = ()
    seconds: tuple[Seconds, ...] = ()
    searched: tuple[Searched, ...] = ()


def read(path: Path = FILE) -> Points:
    """Read the file; empty if it does not exist."""
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    points = [Point(**_with_tune(line["point"])) for line in lines if "point" in line]
    searched = (Searched(**_with_tune(line["search"])) for line in lines if "search" in line)
    seconds = (Seconds(**line["time"]) for line in lines if "time" in line)
    return Points(points=tuple(points), seconds=tuple(seconds), searched=tuple(searched))


def add(found: Point | Seconds | Searched, path: Path = FILE) -> None:
    """Write `found` to the file, replacing an older version. Safe for concurrent processes."""
    with _alone(path):
        stored = read(path)
        points, seconds, searched = list(stored.points), list(stored.seconds), list(stored.searched)
        if isinstance(found, Point):
            points = [point for point in points if point.id != found.id] + [found]
        elif isinstance(found, Searched):
            place = (found.id, found.budget, found.source)
            searched = [each for each in searched if (each.id, each.budget, each.source) != place] + [found]
        else:
            key = (found.contestant, found.schedule)
            seconds = [each for each in seconds if (each.contestant, each.schedule) != key] + [found]
        lines = [{"point": asdict(point)} for point in sorted(points, key=_order)]
        lines += [{"time": asdict(each)} for each in sorted(seconds, key=lambda each: (each.contestant, each.schedule))]
        lines += [{"search": asdict(each)} for each in sorted(searched, key=_search_order)]
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        write_atomically(path, text.encode())


def _order(point: Point) -> tuple[Any, ...]:
    # A fixed order keeps the diff of the file small.
    return point.contestant, point.schedule, point.seed, point.version, point.id


def _search_order(found: Searched) -> tuple[Any, ...]:
    return found.budget, found.source, found.seed, found.version, found.id


def _with_tune(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "tune": Tune(**value["tune"]) if value["tune"] else None}


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
