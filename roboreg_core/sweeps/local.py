"""Execution of a sweep in the caller's process, without a job engine; used by the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from roboreg_core.jobs.task import LocalContext
from roboreg_core.runs.local import record_writer, run_here
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.store import Store
from roboreg_core.sweeps.control import check_network, keep
from roboreg_core.sweeps.execute import PartSpec, measure
from roboreg_core.sweeps.spec import POINT, SweepSpec
from roboreg_core.sweeps.sweep_store import Sweep, missing
from roboreg_core.sweeps.time_estimate import estimate_seconds

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint


def sweep_here(
    spec: SweepSpec,
    checkpoint: Checkpoint,
    store: Store,
    *,
    on_report: Callable[[dict[str, Any]], None] = lambda payload: None,
) -> Sweep:
    """Measure the missing points of a sweep and return it when it is complete.

    Args:
        spec: the sweep.
        checkpoint: its dense network.
        store: receives each point as soon as it is measured.
        on_report: called with the progress of a part or a run, with `fraction` (0..1), `done` and `total` of the sweep.

    Raises:
        StoreError: another sweep has its name.
        SpecError: `checkpoint` is not the sweep's dense network.
    """
    check_network(spec, checkpoint)
    sweep = keep(store, spec)
    left = missing(store, sweep.spec)
    total = len(spec.points())
    if spec.tuned:
        for number, point in enumerate(left):
            report = _of_whole(total - len(left) + number, 1, total, on_report)
            run_here(spec.run_spec(*point), {"dense": checkpoint.content}, store, on_report=report)
        return sweep
    done = total - len(left)
    for seed in spec.seeds:
        schedules = tuple(schedule for schedule, own in left if own == seed)
        if schedules:
            report = _of_whole(done, len(schedules), total, on_report)
            _measure_part(spec, seed, schedules, checkpoint, store, report)
            done += len(schedules)
    return sweep


def _measure_part(
    spec: SweepSpec,
    seed: int,
    schedules: tuple[Schedule, ...],
    checkpoint: Checkpoint,
    store: Store,
    on_report: Callable[[dict[str, Any]], None],
) -> None:
    points = [(schedule, seed) for schedule in schedules]
    part = PartSpec(
        sweep=spec.id,
        setting=spec.setting(seed),
        schedules=schedules,
        test=spec.test,
        device=spec.device,
        seconds=estimate_seconds(spec, store.list_records(POINT), only=points),
    )
    inputs = {"dense": checkpoint.content}
    measure(part.to_json(), LocalContext(inputs=inputs, on_report=on_report, on_put=record_writer(store)))


def _of_whole(
    before: int, own: int, total: int, on_report: Callable[[dict[str, Any]], None]
) -> Callable[[dict[str, Any]], None]:
    """Wrap `on_report` for a part of `own` points that follows `before` measured ones: report the whole sweep."""

    def report(payload: dict[str, Any]) -> None:
        inside = payload["fraction"] * own
        whole = {"fraction": (before + inside) / total, "done": before + int(inside + 1e-9), "total": total}
        on_report({**payload, **whole})

    return report
