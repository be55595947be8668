"""Measures a part of a sweep: schedules under one setting, in the order in which they share most.

`measure` knows nothing of where it runs: the job engine calls it in a worker, the command line in its own process. Each
point is handed over as soon as it is there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from roboreg_core.device import choose_device, environment, give_back_memory
from roboreg_core.jobs.progress import ProgressReporter
from roboreg_core.jobs.task import Context, Output, Task
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.sweeps.points import Point
from roboreg_core.sweeps.spec import SWEEP_PART, PruneSettings, point_record
from roboreg_core.sweeps.time_estimate import Pace

if TYPE_CHECKING:
    import torch

    from roboreg_core.datasets.images import Images
    from roboreg_core.pruning.prune import Pruner

FUNCTION = f"{__name__}:measure"


@dataclass(frozen=True, kw_only=True)
class PartSpec:
    """Schedules to measure under one setting.

    Attributes:
        sweep: id of the sweep that asked.
        setting: what to prune under.
        schedules: which; those of one subtree share most.
        test: whether test images are measured beside the validation images.
        device: `auto`, `cpu` or `cuda`.
        go_on: whether another part of the same setting is likely to follow in this process, which then finds what both
            share; else the pruner, more than 1 GB, is dropped.
        seconds: how long it is expected to take; 0 where nobody knows.
    """

    sweep: str
    setting: PruneSettings
    schedules: tuple[Schedule, ...]
    test: bool = True
    device: str = "auto"
    go_on: bool = False
    seconds: float = 0.0

    @property
    def ids(self) -> list[str]:
        """Ids of its points, in the order of the schedules."""
        return [self.setting.point_id(schedule) for schedule in self.schedules]

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal spec; `ids` are there for who looks for a point."""
        return {
            **asdict(self),
            "setting": self.setting.to_json(),
            "schedules": [schedule.to_json() for schedule in self.schedules],
            "ids": self.ids,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> PartSpec:
        """Read what `to_json` wrote."""
        schedules = tuple(Schedule.from_json(each) for each in value["schedules"])
        rest = {name: each for name, each in value.items() if name != "ids"}
        return cls(**{**rest, "setting": PruneSettings(**value["setting"]), "schedules": schedules})


def task_for(part: PartSpec, key: str, dense: str) -> Task:
    """What to hand to the job engine under this key; `dense` is the artefact that holds the dense network."""
    return Task(kind=SWEEP_PART, key=key, function=FUNCTION, spec=part.to_json(), inputs={"dense": dense})


def measure(spec_json: dict[str, Any], context: Context) -> Output:
    """Prune and measure the schedules of a part. `context.inputs["dense"]` holds the dense network as safetensors.

    Points that an earlier attempt handed over are passed over. Returns how many were measured now and how long that
    took; the points themselves are records of their own.

    Raises `Stopped` where the context says so, `RoboRegError` on bad input.
    """
    part = PartSpec.from_json(spec_json)
    done = _MeasuredSchedules(context.state)
    places = {schedule: place for place, schedule in enumerate(part.schedules)}
    left = [schedule for schedule, place in places.items() if place not in done]
    pace, before = Pace(left, part.setting, test=part.test, seconds=part.seconds), len(part.schedules) - len(left)
    progress = ScheduleProgress(context, len(part.schedules), lambda done: pace.remaining(done - before), before)
    started, device = time.perf_counter(), choose_device(part.device)
    with _BENCH.used(go_on=part.go_on):
        for point in _walked(part, left, context.inputs["dense"], device, progress):
            whole = replace(point, **part.setting.to_json())
            context.put(*point_record(whole))
            done.add(places[point.schedule])
            context.save(done.saved())
            progress.measured(whole)
    return Output(
        result={
            "measured": len(left),
            "points": len(part.schedules),
            "seconds": time.perf_counter() - started,
            "environment": environment(device),
        }
    )


def _walked(
    part: PartSpec, left: Sequence[Schedule], content: bytes, device: torch.device, progress: ScheduleProgress
) -> Iterator[Point]:
    """The points of these schedules. At its end nothing holds the pruner here, so that it can be dropped."""
    from roboreg_core.sweeps.shared_prefix import walk

    progress.begin("load")
    pruner = _BENCH.pruner(part, content, device) if left else None
    progress.begin("sweep")
    if pruner is not None:
        yield from walk(pruner, left, _images(part), on_block=progress.block)


class _MeasuredSchedules:
    """Which schedules of a part are measured, by their places: saved as a number with a bit for each."""

    def __init__(self, saved: bytes | None) -> None:
        try:
            self._bits = int(saved or b"0", 16)
        except ValueError:  # as an earlier version wrote it: points that are there are measured again
            self._bits = 0

    def __contains__(self, place: int) -> bool:
        return bool(self._bits >> place & 1)

    def add(self, place: int) -> None:
        """One more."""
        self._bits |= 1 << place

    def saved(self) -> bytes:
        """What `__init__` reads."""
        return f"{self._bits:x}".encode()


@contextmanager
def lent_pruner(part: PartSpec, content: bytes, device: torch.device) -> Iterator[Pruner]:
    """The pruner of a part's setting, for other work than a sweep; this process holds no second one meanwhile."""
    with _BENCH.used(go_on=part.go_on):
        yield _BENCH.pruner(part, content, device)


def _images(part: PartSpec) -> dict[str, Images]:
    from roboreg_core.datasets import sources

    found = {"validation": sources.validation_images()}
    return {**found, "test": sources.test_images()} if part.test else found


class _PrunerCache:
    """What one process keeps between parts: one pruner, with the activations that all of its schedules share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: tuple[Any, ...] = ()
        self._pruner: Pruner | None = None

    @contextmanager
    def used(self, *, go_on: bool) -> Iterator[None]:
        """By one part at a time; the pruner is dropped behind it unless another part is to go on."""
        with self._lock:
            try:
                yield
            finally:
                if not go_on:
                    self.clear()

    def pruner(self, part: PartSpec, content: bytes, device: torch.device) -> Pruner:
        """A pruner for the part's setting with the dense network's answers computed."""
        from roboreg_core.models import checkpoints
        from roboreg_core.pruning.prune import Pruner

        key = (part.setting, str(device))
        if self._pruner is None or key != self._key:
            self.clear()
            dense = checkpoints.dense_from_bytes(content, part.setting.dense_sha256).model
            pruner = Pruner(dense, part.setting.pruning(), calibration=_training(part), device=device)
            pruner.warm()
            self._key, self._pruner = key, pruner
        return self._pruner

    def clear(self) -> None:
        """Drop the pruner."""
        self._key, self._pruner = (), None
        give_back_memory()


def _training(part: PartSpec) -> Images | None:
    from roboreg_core.datasets import sources

    needed = part.setting.pruning().needs_images
    return sources.training_images(part.setting.training_set) if needed else None


class ScheduleProgress(ProgressReporter):
    """Reports how many schedules are measured, and how long the rest will take; stops where the job was cancelled.

    Attributes:
        done: schedules that are measured, those of earlier attempts included.
    """

    def __init__(
        self, context: Context, total: int, remaining: Callable[[int], float], done: int, *, most: float = 1.0
    ) -> None:
        """Start with `done` schedules of `total`.

        `remaining` estimates the seconds left from the schedules done; `most` is the largest fraction to report, below
        1 where other work follows the last schedule.
        """
        super().__init__(context)
        self.done, self._most = done, most
        self._total, self._remaining = total, remaining

    def begin(self, stage: str) -> None:
        """Enter a stage."""
        self.stage = stage
        self._report_schedules(milestone=True)

    def block(self, number: int) -> None:
        """Before a block is pruned, or a batch evaluated (0)."""
        self.check()
        if number:
            self._report_schedules(block=number)

    def measured(self, point: Point, **more: Any) -> None:
        """Report a measured point."""
        self.done += 1
        seen = point.validation
        accuracy = seen.accuracy if seen else None
        self._report_schedules(milestone=True, schedule=point.schedule.to_json(), validation=accuracy, **more)

    def _report_schedules(self, **more: Any) -> None:
        self.check()
        fraction = min(self._most, self.done / self._total) if self._total else self._most
        self.report(fraction, self._remaining(self.done), done=self.done, total=self._total, **more)


_BENCH = _PrunerCache()
