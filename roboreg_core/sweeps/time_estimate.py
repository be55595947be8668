"""How long schedules take to measure, what they share counted once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import pairwise

from roboreg_core.models.costs import block_macs
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION, parse
from roboreg_core.runs import spec as runs
from roboreg_core.schedules.schedule import BOUNDS, PRESETS, Schedule
from roboreg_core.store.records import Record
from roboreg_core.sweeps.spec import POINT, PruneSettings, SweepSpec

# On two CPU cores, before anything was measured on this machine. Pruning one block on the usual number of calibration
# images, by what it looks at; the dense network's answers to them; evaluating one image; what a process needs to begin.
BLOCK_SECONDS = {"images": 0.4, "weights": 0.02}
WARM_SECONDS = 1.5
IMAGES_PER_SECOND = 3_000.0
FIXED_SECONDS = 3.0
VALIDATION_IMAGES, TEST_IMAGES = 2_000, 10_000
# Points of this machine that tell its speed: the newest, so that a new graphics card is believed soon.
RECENT = 100


def estimate_seconds(
    sweep: SweepSpec, records: Sequence[Record] = (), *, only: Iterable[tuple[Schedule, int]] | None = None
) -> float:
    """How long a sweep, or `only` some of its points, takes on one worker.

    The newest points and runs among `records` tell this machine's speed; without any, that of two CPU cores stands in.
    """
    points = list(sweep.points() if only is None else only)
    if sweep.tuned:
        return sum(runs.estimate_seconds(sweep.run_spec(*point), records) for point in points)
    total = 0.0
    for seed in sweep.seeds:
        schedules = [schedule for schedule, own in points if own == seed]
        if schedules:
            factor = speed(sweep.setting(seed), records)
            total += FIXED_SECONDS + factor * sum(shares(schedules, sweep.setting(seed), test=sweep.test))
    return total


def shares(schedules: Sequence[Schedule], setting: PruneSettings, *, test: bool) -> list[float]:
    """Seconds that each schedule takes on two CPU cores, in lexicographic order.

    Blocks that it shares with the one before cost nothing.
    """
    ordered = sorted(set(schedules), key=lambda schedule: schedule.clusters)
    images = VALIDATION_IMAGES + TEST_IMAGES * test
    looks = setting.recalibrate or parse(setting.method).needs_images
    prune = BLOCK_SECONDS["images" if looks else "weights"] * (
        setting.calibration / DEFAULT_CALIBRATION if looks else 1
    )
    dense = sum(block_macs(PRESETS["dense"]))
    found = []
    for before, schedule in pairwise([None, *ordered]):
        assert schedule is not None
        same = before.shared_blocks(schedule) if before is not None else 0
        evaluated = sum(block_macs(schedule)[same:]) / dense * images / IMAGES_PER_SECOND
        found.append(prune * (len(BOUNDS) - same) + evaluated + (0.0 if before else WARM_SECONDS * looks))
    return found


def speed(setting: PruneSettings, records: Iterable[Record]) -> float:
    """How many times as long as two CPU cores this machine takes, from its own newest points by the same method."""
    # Points that were reused took no time.
    timed = (each for each in records if each.kind == POINT and not each.recorded and each.result["seconds"] > 0)
    own = [each for each in timed if _alike(each, setting)][:RECENT]
    if not own:
        return 1.0
    # Seeds share nothing, and neither do points with and without test images: those are other sweeps' work.
    alike: dict[tuple[int, bool], list[Schedule]] = {}
    for each in own:
        which = each.spec["seed"], each.result["test"] is not None
        alike.setdefault(which, []).append(Schedule.from_json(each.spec["schedule"]))
    expected = sum(sum(shares(schedules, setting, test=test)) for (_, test), schedules in alike.items())
    return max(0.01, sum(each.result["seconds"] for each in own) / expected)


class Pace:
    """How long the rest of some schedules will take, by how long the first ones took."""

    def __init__(self, schedules: Sequence[Schedule], setting: PruneSettings, *, test: bool, seconds: float) -> None:
        """`seconds` is what was expected for all of them; 0 where nobody knows."""
        self._shares = shares(schedules, setting, test=test)
        self._seconds = seconds or sum(self._shares)
        self._started = time.perf_counter()

    def remaining(self, done: int) -> float:
        """Seconds that are left behind the first `done`; the time since the last of them is not taken off."""
        if not self._shares:
            return 0.0
        passed = sum(self._shares[:done]) / sum(self._shares)
        if not passed:
            return self._seconds
        spent = time.perf_counter() - self._started
        return spent / passed * (1 - passed)


def _alike(record: Record, setting: PruneSettings) -> bool:
    return all(record.spec[name] == getattr(setting, name) for name in ("method", "recalibrate", "calibration"))
