"""What was measured: one line of JSON a point in one file, which grows by whole lines and survives a kill."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from roboreg_core.models.checkpoints import write_whole

FILE = Path(__file__).resolve().parent.parent / "results.jsonl"


@dataclass(frozen=True, kw_only=True)
class Tune:
    """How a point was fine-tuned, and on what."""

    preset: str
    epochs: int
    distil: bool
    learning_rate: float
    batch_size: int
    training_set: str


@dataclass(frozen=True, kw_only=True)
class Point:
    """One contestant at one schedule under one seed.

    Attributes:
        id: the run's identity; of the rival, the hash of everything that determines its result.
        contestant, schedule: names; seed: of everything random.
        version: METHOD_VERSION of the code that measured it.
        dense_sha256: of the dense network.
        training_set, calibration: where calibration images are drawn from, and how many.
        parameters, macs: of the pruned network.
        dense, pruned, tuned: accuracy on all test images in float32, 0..1; `tuned` None without fine-tuning.
        tune: how it was fine-tuned, None without.
        seconds: of pruning.
        environment: what seconds depend on.
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
    """How long pruning takes when nothing else runs: the median of `repeats`."""

    contestant: str
    schedule: str
    version: int
    seconds: float
    repeats: int
    environment: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Searched:
    """A schedule at a budget of MACs: one that a search found, or a uniform one beside it.

    Attributes:
        id: of the run.
        budget: MACs at most, as a share of the dense network's.
        source: `refined` (found by measuring), `greedy` (by sensitivity alone), `uniform` or a preset's name.
        trials: schedules that were measured to find it; 0 where none was.
        schedule: nine counts joined by commas; chosen on validation images alone.
        validation: accuracy on validation images that it was chosen by, None where it was not measured there.
        pruned, tuned, tune, and the others: see `Point`.
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
    """All that a file holds."""

    points: tuple[Point, ...] = ()
    seconds: tuple[Seconds, ...] = ()
    searched: tuple[Searched, ...] = ()


def read(path: Path = FILE) -> Points:
    """What the file holds; nothing where there is none."""
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    points = [Point(**_with_tune(line["point"])) for line in lines if "point" in line]
    searched = (Searched(**_with_tune(line["search"])) for line in lines if "search" in line)
    seconds = (Seconds(**line["time"]) for line in lines if "time" in line)
    return Points(points=tuple(points), seconds=tuple(seconds), searched=tuple(searched))


def add(found: Point | Seconds | Searched, path: Path = FILE) -> None:
    """Write `found` into the file, in place of an older one of the same; several processes may."""
    with _alone(path):
        held = read(path)
        points, seconds, searched = list(held.points), list(held.seconds), list(held.searched)
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
        write_whole(path, text.encode())


def _order(point: Point) -> tuple[Any, ...]:
    # A fixed order, so that the file differs only by what was added.
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
