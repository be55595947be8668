"""Execution of a sweep in the caller's process, without a job engine; used by the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from roboreg_core.jobs.task import LocalContext
from roboreg_core.runs.local import record_writer, run_here
from roboreg_core.store.store import Store
from roboreg_core.sweeps.control import check_network, keep
from roboreg_core.sweeps.execute import PartSpec, measure
from roboreg_core.sweeps.spec import POINT, SweepSpec
from roboreg_core.sweeps.sweep_store import Sweep, missing

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint


def sweep_here(
    spec: SweepSpec,
    checkpoint: Checkpoint,
    store: Store,
    *,
    on_report: Callable[[dict[str, Any]], None] = lambda payload: None,
) -> Sweep:
    """Measure the missing points of a sweep, store each as soon as it is measured, and return the complete sweep.

    `on_report` is called with progress payloads, whose `fraction` (0..1), `done` and `total` are those of the sweep.

    Raises `StoreError`: a sweep with other points or settings is already called `spec.name`; `SpecError`: `checkpoint`
    is not the sweep's dense network.
    """
    check_network(spec, checkpoint)
    sweep, inputs = keep(store, spec), {"dense": checkpoint.content}
    left, total = missing(store, spec), len(spec.points())
    done = total - len(left)
    if spec.tuned:
        for point in left:
            run_here(spec.run_spec(*point), inputs, store, on_report=_of_whole(done, 1, total, on_report))
            done += 1
        return sweep
    for seed in spec.seeds:
        schedules = [schedule for schedule, each in left if each == seed]
        if schedules:
            part = PartSpec.of(spec, seed, schedules, store.list_records(POINT))
            report = _of_whole(done, len(schedules), total, on_report)
            measure(part.to_json(), LocalContext(inputs=inputs, on_report=report, on_put=record_writer(store)))
            done += len(schedules)
    return sweep


def _of_whole(
    before: int, own: int, total: int, on_report: Callable[[dict[str, Any]], None]
) -> Callable[[dict[str, Any]], None]:
    """Wrap `on_report` for a part of `own` points that follows `before` measured ones: report the whole sweep."""

    def report(payload: dict[str, Any]) -> None:
        inside = payload["fraction"] * own
        whole = {"fraction": (before + inside) / total, "done": before + int(inside + 1e-9), "total": total}
        on_report({**payload, **whole})

    return report
