"""Execution of a search by measurement: as a job in a worker, or in the calling process.

Every measured schedule is stored as a point, which sweeps and predictions use too, and none is measured twice. The
trials are the job's state, from which an interrupted search continues.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from roboreg_core.device import choose_device, environment
from roboreg_core.jobs.task import Context, Output, Task
from roboreg_core.runs.local import make_here
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.search.spec import SEARCH, SearchSpec, estimate_seconds, known_points, surrogate_from_points
from roboreg_core.sweeps import points as points_json
from roboreg_core.sweeps.execute import PartSpec, ScheduleProgress, shared_pruner
from roboreg_core.sweeps.points import ClassCounts, Point
from roboreg_core.sweeps.spec import point_record

if TYPE_CHECKING:
    import torch

    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.pruning.prune import Pruner
    from roboreg_core.search.candidates import Candidate
    from roboreg_core.search.refinement import Trial
    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store

FUNCTION = f"{__name__}:search"
TIMED_REPEATS = 7


def task_for(spec: SearchSpec, checkpoint: Checkpoint, store: Store) -> Task:
    """The task that runs a search, with the dense network and the known points as inputs."""
    inputs = {name: store.artifacts.put(content) for name, content in _inputs(spec, checkpoint, store).items()}
    return Task(kind=SEARCH, key=spec.id, function=FUNCTION, spec=spec.to_json(), inputs=inputs)


def search_here(
    spec: SearchSpec,
    checkpoint: Checkpoint,
    store: Store,
    *,
    on_report: Callable[[dict[str, Any]], None] = lambda payload: None,
) -> Record:
    """Search in this process and return the stored record, at once if it exists; continue an interrupted search."""
    found = store.get_record(spec.id)
    if found is not None:
        return found
    inputs = _inputs(spec, checkpoint, store)
    return make_here(search, SEARCH, spec.id, spec.to_json(), inputs, store, on_report=on_report)


def search(spec_json: dict[str, Any], context: Context) -> Output:
    """Run a search.

    Args:
        spec_json: a `SearchSpec` as JSON.
        context: its inputs are `dense` (safetensors) and `points` (known points as JSON lines).

    Returns:
        A result with lists of candidates (see `Candidate.to_json`): `answers`, `closest` (the nearest to the limits,
        empty if there are answers) and `candidates` (all); the `trials`; the number of schedules `measured` by this
        attempt; `seconds` and `environment`.

    Raises `Stopped`: the job was cancelled; `RoboRegError`: an input is invalid.
    """
    from roboreg_core.search.best_schedules import closest_candidates
    from roboreg_core.search.refinement import SearchBudget, Trial, measured_candidates, refine

    spec = SearchSpec.from_json(spec_json)
    points = [points_json.from_json(json.loads(line)) for line in context.inputs["points"].decode().splitlines()]
    surrogate = surrogate_from_points(points)
    started, device = time.perf_counter(), choose_device(spec.device)
    state = json.loads(context.state or b"{}")
    earlier = [Trial.from_json(each) for each in state.get("trials", [])]
    progress = ScheduleProgress(context, spec.trials, _pace(spec, len(earlier)), len(earlier), most=0.999)
    progress.begin("load")
    part = PartSpec(sweep=spec.id, setting=spec.setting, schedules=(), test=False, device=spec.device)
    with shared_pruner(part, context.inputs["dense"], device) as pruner:
        measurer = _Measurer(spec, pruner, context, progress, _measured_before(spec, points, state))
        measurer.trials = list(earlier)
        progress.begin("search")
        trials = refine(
            spec.limits,
            measurer,
            surrogate,
            SearchBudget(trials=spec.trials, seed=spec.setting.seed),
            latency=spec.line,
            known=earlier,
            on_trials=measurer.keep,
        )
    progress.done = spec.trials
    progress.begin("time")
    candidates = measured_candidates(trials, surrogate, spec.line)
    best = _timed(spec, candidates, progress, device)
    return Output(
        result={
            "answers": [each.to_json() for each in best],
            "closest": [each.to_json() for each in closest_candidates(spec.limits, candidates)] if not best else [],
            "candidates": [each.to_json() for each in candidates],
            "trials": [trial.to_json() for trial in trials],
            "measured": measurer.measured,
            "seconds": time.perf_counter() - started,
            "environment": environment(device),
        }
    )


def _inputs(spec: SearchSpec, checkpoint: Checkpoint, store: Store) -> dict[str, bytes]:
    lines = [json.dumps(points_json.to_json(point)) for point in known_points(store, spec.setting)]
    return {"dense": checkpoint.content, "points": "\n".join(lines).encode()}


def _measured_before(spec: SearchSpec, points: Sequence[Point], state: dict[str, Any]) -> dict[Schedule, ClassCounts]:
    """Known points of the same seed, and those of an interrupted batch."""
    seed = spec.setting.seed
    known = {
        point.schedule: point.validation for point in points if point.seed == seed and point.validation is not None
    }
    for counts, right in state.get("seen", []):
        known[Schedule.from_json(counts, spec.limits.architecture)] = ClassCounts.from_json(right)
    return known


class _Measurer:
    """Measures batches of schedules, stores each as a point, and saves the job's state."""

    def __init__(
        self,
        spec: SearchSpec,
        pruner: Pruner,
        context: Context,
        progress: ScheduleProgress,
        known: dict[Schedule, ClassCounts],
    ) -> None:
        self._spec, self._pruner, self._context, self._progress, self._known = spec, pruner, context, progress, known
        self._batch: dict[Schedule, ClassCounts] = {}
        self.trials: list[Trial] = []
        self.measured = 0
        self._best = 0.0

    def __call__(self, schedules: Sequence[Schedule]) -> list[ClassCounts]:
        """Correct validation images of each schedule."""
        from roboreg_core.datasets import sources
        from roboreg_core.sweeps.shared_prefix import VALIDATION, measure_schedules

        missing = [schedule for schedule in schedules if schedule not in self._known]
        self._progress.done = len(self.trials) + len(schedules) - len(missing)
        images = {VALIDATION: sources.validation_images(self._spec.setting.training_set)}
        for point in measure_schedules(self._pruner, missing, images, on_block=self._progress.block) if missing else ():
            assert point.validation is not None
            self._context.put(*point_record(replace(point, **self._spec.setting.to_json())))
            self._known[point.schedule] = self._batch[point.schedule] = point.validation
            self.measured += 1
            self._save()
            self._best = max(self._best, point.validation.accuracy)
            self._progress.measured(point, best=self._best)
        return [self._known[schedule] for schedule in schedules]

    def keep(self, trials: Sequence[Trial]) -> None:
        """Save the trials after a complete batch."""
        self.trials, self._batch = list(trials), {}
        self._save()
        self._progress.done = len(trials)

    def _save(self) -> None:
        state = {
            "trials": [trial.to_json() for trial in self.trials],
            "seen": [[schedule.to_json(), counts.to_json()] for schedule, counts in self._batch.items()],
        }
        self._context.save(json.dumps(state).encode())


def _timed(
    spec: SearchSpec, candidates: Sequence[Candidate], progress: ScheduleProgress, device: torch.device
) -> tuple[Candidate, ...]:
    """The best candidates with measured latency; a limit on latency applies to the measured value.

    Latency depends on a network's widths and not on its weights: randomly initialised networks are timed.
    """
    from roboreg_core.evaluation.latency import BATCH, time_network
    from roboreg_core.models.resnet import ResNet
    from roboreg_core.search.best_schedules import N_BEST, best_measured

    timed = []
    for each in best_measured(spec.limits, candidates, 2 * N_BEST if spec.limits.latency is not None else N_BEST):
        progress.block(0)
        seconds = time_network(ResNet(each.schedule), BATCH, device=device, repeats=TIMED_REPEATS).median
        timed.append(replace(each, timed=seconds))
    return best_measured(spec.limits, timed)


def _pace(spec: SearchSpec, before: int) -> Callable[[int], float]:
    """Remaining seconds as a function of finished trials, of which `before` were measured by earlier attempts."""
    started, expected = time.perf_counter(), estimate_seconds(spec) / spec.trials

    def remaining(done: int) -> float:
        each = (time.perf_counter() - started) / (done - before) if done > before else expected
        return each * (spec.trials - done)

    return remaining
