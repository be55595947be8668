"""Execution of a part of a sweep: schedules under the same prune settings, in lexicographic order.

`measure` is called by the job engine in a worker and by the command line in its own process. Every point is recorded as
soon as it is measured.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from roboreg_core.architecture import Architecture
from roboreg_core.device import choose_device, environment, release_memory
from roboreg_core.jobs.progress import ProgressReporter
from roboreg_core.jobs.task import Context, Output, Task
from roboreg_core.runs.spec import PruneSettings
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.sweeps.points import Point
from roboreg_core.sweeps.spec import SWEEP_PART, SweepSpec, point_record
from roboreg_core.sweeps.time_estimate import Pace, estimate_seconds

if TYPE_CHECKING:
    import torch

    from roboreg_core.pruning.prune import Pruner
    from roboreg_core.store.records import Record

FUNCTION = f"{__name__}:measure"


@dataclass(frozen=True, kw_only=True)
class PartSpec:
    """Schedules to measure under the same prune settings.

    Attributes:
        sweep: id of the sweep.
        setting: prune settings.
        schedules: schedules to measure, of one architecture.
        test: True to measure test images in addition to validation images.
        device: `auto`, `cpu` or `cuda`.
        go_on: True to keep the pruner, over 1 GB, for a next part with the same settings in this process.
        seconds: expected duration; 0 if unknown.
    """

    sweep: str
    setting: PruneSettings
    schedules: tuple[Schedule, ...]
    test: bool = True
    device: str = "auto"
    go_on: bool = False
    seconds: float = 0.0

    @classmethod
    def of(
        cls,
        sweep: SweepSpec,
        seed: int,
        schedules: Iterable[Schedule],
        records: Sequence[Record],
        *,
        go_on: bool = False,
    ) -> PartSpec:
        """Part of a sweep: `schedules` under one of its seeds; the duration is estimated from `records`."""
        chosen = tuple(schedules)
        return cls(
            sweep=sweep.id,
            setting=sweep.setting(seed),
            schedules=chosen,
            test=sweep.test,
            device=sweep.device,
            go_on=go_on,
            seconds=estimate_seconds(sweep, records, only=[(schedule, seed) for schedule in chosen]),
        )

    @property
    def ids(self) -> list[str]:
        """Ids of the points, in the order of the schedules."""
        return [self.setting.point_id(schedule) for schedule in self.schedules]

    def to_json(self) -> dict[str, Any]:
        """JSON object from which `from_json` restores the spec, and the `ids` of its points."""
        return {
            **asdict(self),
            "setting": self.setting.to_json(),
            "schedules": [schedule.to_json() for schedule in self.schedules],
            **(self.schedules[0].architecture.stored() if self.schedules else {}),
            "ids": self.ids,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> PartSpec:
        """Inverse of `to_json`."""
        architecture = Architecture.from_json(value.get("architecture"))
        schedules = tuple(Schedule.from_json(each, architecture) for each in value["schedules"])
        rest = {name: each for name, each in value.items() if name not in ("ids", "architecture")}
        return cls(**{**rest, "setting": PruneSettings(**value["setting"]), "schedules": schedules})


def task_for(part: PartSpec, key: str, dense: str) -> Task:
    """Task that measures a part; `key` is the id of its record, `dense` the SHA-256 of the dense network's artefact."""
    return Task(kind=SWEEP_PART, key=key, function=FUNCTION, spec=part.to_json(), inputs={"dense": dense})


def measure(spec_json: dict[str, Any], context: Context) -> Output:
    """Task function: prune and measure the schedules of a part, except those measured by an earlier attempt.

    Args:
        spec_json: a `PartSpec` as JSON.
        context: its input `dense` is the dense network as safetensors; receives each point as a record.

    Returns:
        A result with the number of schedules `measured` by this attempt, that of all `points` of the part, `seconds`
        and `environment`.

    Raises `Stopped`: the context requested it; `RoboRegError`: the input is invalid.
    """
    part = PartSpec.from_json(spec_json)
    done = _MeasuredSchedules(context.state)
    indices = {schedule: index for index, schedule in enumerate(part.schedules)}
    left = [schedule for schedule, index in indices.items() if index not in done]
    pace, before = Pace(left, part.setting, test=part.test, seconds=part.seconds), len(part.schedules) - len(left)
    progress = ScheduleProgress(context, len(part.schedules), lambda done: pace.remaining(done - before), before)
    started, device = time.perf_counter(), choose_device(part.device)
    with _CACHE.used(go_on=part.go_on):
        for point in _points(part, left, context.inputs["dense"], device, progress):
            whole = replace(point, **part.setting.to_json())
            context.put(*point_record(whole))
            done.add(indices[point.schedule])
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


def _points(
    part: PartSpec, left: Sequence[Schedule], content: bytes, device: torch.device, progress: ScheduleProgress
) -> Iterator[Point]:
    """Measure schedules. A generator, so that no reference to the pruner remains when the cache drops it."""
    from roboreg_core.datasets import sources
    from roboreg_core.sweeps.shared_prefix import measure_schedules

    progress.begin("load")
    pruner = _CACHE.pruner(part, content, device) if left else None
    progress.begin("sweep")
    if pruner is not None:
        name = part.setting.training_set
        sets = {"validation": sources.validation_images(name)}
        if part.test:
            sets["test"] = sources.test_images(name)
        yield from measure_schedules(pruner, left, sets, on_block=progress.block)


class _MeasuredSchedules:
    """Set of indices of measured schedules, saved as a hexadecimal bit mask."""

    def __init__(self, saved: bytes | None) -> None:
        try:
            self._bits = int(saved or b"0", 16)
        except ValueError:  # format of an earlier version: measure again
            self._bits = 0

    def __contains__(self, index: int) -> bool:
        return bool(self._bits >> index & 1)

    def add(self, index: int) -> None:
        self._bits |= 1 << index

    def saved(self) -> bytes:
        """The state for `__init__`."""
        return f"{self._bits:x}".encode()


@contextmanager
def shared_pruner(part: PartSpec, content: bytes, device: torch.device) -> Iterator[Pruner]:
    """Context manager with this process's cached pruner for the settings of `part`, locked for exclusive use.

    `content` is the dense network as safetensors, read only if the cached pruner has other settings.
    """
    with _CACHE.used(go_on=part.go_on):
        yield _CACHE.pruner(part, content, device)


class _PrunerCache:
    """One pruner per process with the dense network's activations, kept between parts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: tuple[Any, ...] = ()
        self._pruner: Pruner | None = None

    @contextmanager
    def used(self, *, go_on: bool) -> Iterator[None]:
        """Lock the cache; drop the pruner on exit unless `go_on`."""
        with self._lock:
            try:
                yield
            finally:
                if not go_on:
                    self.clear()

    def pruner(self, part: PartSpec, content: bytes, device: torch.device) -> Pruner:
        """A pruner for the part's settings with the dense network's activations computed."""
        from roboreg_core.datasets import sources
        from roboreg_core.models import checkpoints
        from roboreg_core.pruning.prune import Pruner

        key = (part.setting, str(device))
        if self._pruner is None or key != self._key:
            self.clear()
            dense = checkpoints.dense_from_bytes(content, part.setting.dense_sha256).model
            spec = part.setting.pruning()
            training = sources.training_images(part.setting.training_set) if spec.needs_images else None
            pruner = Pruner(dense, spec, calibration=training, device=device)
            pruner.warm()
            self._key, self._pruner = key, pruner
        return self._pruner

    def clear(self) -> None:
        """Drop the pruner."""
        self._key, self._pruner = (), None
        release_memory()


class ScheduleProgress(ProgressReporter):
    """Reports measured schedules and the remaining time.

    Attributes:
        done: number of measured schedules, including those of earlier attempts.
    """

    def __init__(
        self, context: Context, total: int, remaining: Callable[[int], float], done: int, *, most: float = 1.0
    ) -> None:
        """Report to `context`.

        Args:
            context: receives the progress.
            total: number of schedules.
            remaining: returns the estimated remaining seconds for a number of measured schedules.
            done: number of schedules measured before.
            most: largest fraction to report, below 1 if other work follows the last schedule.
        """
        super().__init__(context)
        self.done, self._most = done, most
        self._total, self._remaining = total, remaining

    def begin(self, stage: str) -> None:
        """Enter and report a stage of the job, e.g. `load`."""
        self.stage = stage
        self._report_schedules(milestone=True)

    def block(self, number: int) -> None:
        """Report that block `number` (from 1) is pruned next; with 0, for a batch of images, report nothing.

        Raises `Stopped`: the context requested it.
        """
        self.check()
        if number:
            self._report_schedules(block=number)

    def measured(self, point: Point, **more: Any) -> None:
        """Report a measured point, and further fields `more` of the progress payload."""
        self.done += 1
        accuracy = point.validation.accuracy if point.validation else None
        self._report_schedules(milestone=True, schedule=point.schedule.to_json(), validation=accuracy, **more)

    def _report_schedules(self, **more: Any) -> None:
        self.check()
        fraction = min(self._most, self.done / self._total) if self._total else self._most
        self.report(fraction, self._remaining(self.done), done=self.done, total=self._total, **more)


_CACHE = _PrunerCache()
