"""A sweep in the caller's own process: how the command line does without an engine.

Every point is kept as soon as it is there. So one that was interrupted, asked for again, goes on with what is missing.
"""

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
    """Measure what is missing of a sweep and return it, once all is there.

    `on_report` is told `fraction` (0..1), `done` and `total` of the whole sweep beside what a part or a run tells.

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
            done = total - len(left) + number
            run_here(
                spec.run_spec(*point),
                {"dense": checkpoint.content},
                store,
                on_report=_of_whole(done, 1, total, on_report),
            )
        return sweep
    done = total - len(left)
    for seed in spec.seeds:
        schedules = tuple(schedule for schedule, own in left if own == seed)
        if schedules:
            told = _of_whole(done, len(schedules), total, on_report)
            _part(spec, seed, schedules, checkpoint, store, told)
            done += len(schedules)
    return sweep


def _part(
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
    """What tells the share of the whole sweep for a part of `own` points, behind `before` that are done."""

    def told(payload: dict[str, Any]) -> None:
        inside = payload["fraction"] * own
        whole = {"fraction": (before + inside) / total, "done": before + int(inside + 1e-9), "total": total}
        on_report({**payload, **whole})

    return told
