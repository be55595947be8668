"""Estimate how long schedules take to measure, counting shared blocks once."""

import time
from collections.abc import Iterable, Sequence
from itertools import pairwise

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.datasets.dataset import dataset_of
from roboreg_core.models.costs import block_macs, relative_work
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION, parse
from roboreg_core.runs import spec as runs
from roboreg_core.runs.spec import PruneSettings
from roboreg_core.schedules.schedule import Schedule, dense_schedule
from roboreg_core.store.records import Record
from roboreg_core.sweeps.spec import POINT, SweepSpec

# Defaults for two CPU cores, before this machine has measured any points: pruning one block with the default number of
# calibration images or without images, the dense network's activations, evaluation, and the start of a process.
BLOCK_SECONDS = {"images": 0.4, "weights": 0.02}
WARM_SECONDS = 1.5
IMAGES_PER_SECOND = 3_000.0
FIXED_SECONDS = 3.0
# Number of newest points that the speed is estimated from.
RECENT = 100


def estimate_seconds(
    sweep: SweepSpec, records: Sequence[Record] = (), *, only: Iterable[tuple[Schedule, int]] | None = None
) -> float:
    """Estimate the seconds that a sweep, or `only` these points of it, takes on one worker.

    The speed is that of the newest points or runs among `records`, else of two CPU cores.
    """
    points = list(sweep.points() if only is None else only)
    if sweep.tuned:
        return sum(runs.estimate_seconds(sweep.run_spec(*point), records) for point in points)
    total = 0.0
    for seed in sweep.seeds:
        schedules = [schedule for schedule, own in points if own == seed]
        if schedules:
            setting = sweep.setting(seed)
            expected = sum(expected_seconds(schedules, setting, test=sweep.test))
            total += FIXED_SECONDS + slowdown(setting, records) * expected
    return total


def expected_seconds(schedules: Sequence[Schedule], setting: PruneSettings, *, test: bool) -> list[float]:
    """Expected seconds on two CPU cores for each distinct schedule of one architecture, in lexicographic order.

    Blocks shared with the previous schedule take no time.
    """
    ordered = sorted(set(schedules), key=lambda schedule: schedule.counts)
    data = dataset_of(setting.training_set)
    images = data.validation + data.test * test
    needs_images = setting.recalibrate or parse(setting.method).needs_images
    prune = BLOCK_SECONDS["weights"]
    if needs_images:
        prune = BLOCK_SECONDS["images"] * (setting.calibration / DEFAULT_CALIBRATION)
    # Speeds were measured with the default architecture.
    dense = sum(block_macs(dense_schedule()))
    work = relative_work(ordered[0].architecture) if ordered else 1.0
    found = []
    for before, schedule in pairwise([None, *ordered]):
        assert schedule is not None
        n_blocks = len(schedule.counts)
        same = before.shared_blocks(schedule) if before is not None else 0
        pruned = prune * work * RESNET20.n_blocks / n_blocks * (n_blocks - same)
        evaluated = sum(block_macs(schedule)[same:]) / dense * images / IMAGES_PER_SECOND
        found.append(pruned + evaluated + (0.0 if before else WARM_SECONDS * work * needs_images))
    return found


def slowdown(setting: PruneSettings, records: Iterable[Record]) -> float:
    """Measured seconds divided by expected ones, over this machine's newest points of the same method; 1 without any.

    `records` may be of any kind; points count if method, recalibration and number of calibration images are equal.
    """
    # Reused points took 0 s.
    timed = (each for each in records if each.kind == POINT and not each.recorded and each.result["seconds"] > 0)
    names = ("method", "recalibrate", "calibration")
    points = [each for each in timed if all(each.spec[name] == getattr(setting, name) for name in names)][:RECENT]
    if not points:
        return 1.0
    # Schedules share blocks only under one seed, and with equal sets of images.
    groups: dict[tuple[int, bool, Architecture], list[Schedule]] = {}
    for each in points:
        schedule = Schedule.from_stored(each.spec)
        key = each.spec["seed"], each.result["test"] is not None, schedule.architecture
        groups.setdefault(key, []).append(schedule)
    expected = sum(sum(expected_seconds(schedules, setting, test=test)) for (_, test, _), schedules in groups.items())
    return max(0.01, sum(each.result["seconds"] for each in points) / expected)


class Pace:
    """Estimate the remaining time of measuring schedules from the time that the first ones took."""

    def __init__(self, schedules: Sequence[Schedule], setting: PruneSettings, *, test: bool, seconds: float) -> None:
        """Start the clock.

        Args:
            schedules: the schedules to measure.
            setting: pruning settings.
            test: True if test images are evaluated as well as validation images.
            seconds: expected total duration; 0 for the sum of `expected_seconds`.
        """
        self._expected = expected_seconds(schedules, setting, test=test)
        self._seconds = seconds or sum(self._expected)
        self._started = time.perf_counter()

    def remaining(self, done: int) -> float:
        """Estimated seconds until all schedules are measured, if the first `done` of them just have been."""
        if not self._expected:
            return 0.0
        passed = sum(self._expected[:done]) / sum(self._expected)
        if not passed:
            return self._seconds
        spent = time.perf_counter() - self._started
        return spent / passed * (1 - passed)
