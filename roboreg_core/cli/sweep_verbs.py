"""The verbs `sweep`, and `sweeps list`, `show`, `rename`, `delete`, `restore` and `record`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core.cli.common import (
    Deleted,
    Json,
    print_notes,
    print_result,
    print_undo,
    schedule_progress,
    stderr,
    with_options,
)
from roboreg_core.cli.grid_options import GridOptions, parse_integers
from roboreg_core.cli.prune_options import PruneOptions
from roboreg_core.errors import JobError
from roboreg_core.sweeps.points import to_json
from roboreg_core.sweeps.spec import sweep_for
from roboreg_core.sweeps.sweep_store import deleted_sweeps, find_sweep, missing, points_of, sweeps, timed_records
from roboreg_core.sweeps.time_estimate import estimate_seconds
from roboreg_core.user_store import open_store
from roboreg_core.wording import fmt

if TYPE_CHECKING:
    from roboreg_core.jobs.engine import Engine
    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.store.store import Store
    from roboreg_core.sweeps.grid import Grid
    from roboreg_core.sweeps.points import Point
    from roboreg_core.sweeps.spec import SweepSpec
    from roboreg_core.sweeps.sweep_store import Sweep

POLL_SECONDS = 0.5

Name = Annotated[str, typer.Argument(metavar="SWEEP", help="Name or first digits of the id of a sweep.")]


@with_options
def sweep_verb(
    grid: GridOptions,
    pruning: PruneOptions,
    name: Annotated[str, typer.Option(help="Unique name of the sweep.")] = "",
    seeds: Annotated[
        str, typer.Option(metavar="0,1,2", help="Measure every schedule with each seed; replaces --seed.")
    ] = "",
    test: Annotated[bool, typer.Option("--test/--no-test", help="Also measure accuracy on test images.")] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the number of points and the estimated time.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Prune and measure many schedules; with --preset also fine-tune each. Call again to continue a sweep.

    Runs on the cluster given by ROBOREG_SCHEDULER, if set.
    """
    loaded = pruning.network()
    spec = _spec(grid.named(loaded.model.architecture), name, seeds, test, pruning, loaded)
    print_notes(loaded.notes)
    store = open_store()
    plan = _plan(spec, store)
    if dry_run:
        print_result(as_json, plan, _plan_line(plan))
        return
    stderr.print(_plan_line(plan), markup=False, soft_wrap=True)
    started = time.perf_counter()
    found = _measure(spec, loaded, store)
    facts = {**_facts(found, store), "seconds": time.perf_counter() - started}
    print_result(as_json, {**facts, "points": _points_json(found, store)}, _lines(found, store))


def sweeps_list(deleted: Deleted = False, as_json: Json = False) -> None:
    """List all sweeps, newest first."""
    store = open_store()
    found = [_facts(each, store) for each in (deleted_sweeps(store) if deleted else sweeps(store))]
    nothing = "no sweeps yet: python -m roboreg_core sweep --grid source"
    print_result(as_json, {"sweeps": found}, "\n".join(map(_line, found)) or nothing)


def sweeps_show(name: Name, as_json: Json = False) -> None:
    """Show a sweep with its measured points."""
    store = open_store()
    found = find_sweep(store, name)
    facts = {**_facts(found, store), "spec": found.spec.to_json(), "points": _points_json(found, store)}
    print_result(as_json, facts, _lines(found, store))


def sweeps_rename(
    sweep: Name,
    name: Annotated[str, typer.Argument(metavar="NAME", help="New name.")],
    as_json: Json = False,
) -> None:
    """Rename one of your sweeps."""
    from roboreg_core.sweeps import control

    store = open_store()
    facts = _facts(control.rename(store, find_sweep(store, sweep), name), store)
    print_result(as_json, facts, f"renamed: {_line(facts)}")


def sweeps_delete(name: Name, as_json: Json = False) -> None:
    """Delete a sweep, which `sweeps restore` undoes for 30 days. Its points are kept."""
    from roboreg_core.sweeps import control

    store = open_store()
    found = find_sweep(store, name)
    control.delete(store, found)
    print_undo(f"sweeps restore {found.id}")
    print_result(as_json, {"sweep": found.id, "name": found.name, "deleted": True}, f"deleted: {found.name}")


def sweeps_restore(name: Name, as_json: Json = False) -> None:
    """Restore a deleted sweep."""
    from roboreg_core.sweeps import control

    store = open_store()
    facts = _facts(control.restore(store, name), store)
    print_result(as_json, facts, f"restored: {_line(facts)}")


def sweeps_record(as_json: Json = False) -> None:
    """Measure the example sweeps, and export them to checkpoints/recorded."""
    from roboreg_core import example_runs, paths
    from roboreg_core.models import checkpoints

    store, dense = open_store(), checkpoints.load("dense")
    ids = example_runs.make_sweeps(store, lambda spec: _measure(spec, dense, store))
    print_result(as_json, {"recorded": ids}, f"recorded {len(ids)} sweeps in {paths.recorded()}")


def _spec(
    named: tuple[str, Grid], name: str, seeds: str, test: bool, pruning: PruneOptions, loaded: Checkpoint
) -> SweepSpec:
    method, recalibrate = pruning.composed()
    return sweep_for(
        name or named[0][:80],
        named[1],
        loaded,
        pruning.training_set(loaded),
        method=method,
        recalibrate=recalibrate,
        calibration=pruning.calibration,
        seeds=parse_integers(seeds, "seeds") if seeds else (pruning.seed,),
        test=test,
        preset=pruning.preset,
        distil=pruning.distil,
        device=pruning.device,
    )


def _plan(spec: SweepSpec, store: Store) -> dict[str, Any]:
    """Number of points, and the estimated time for those not measured yet."""
    left = missing(store, spec)
    total = len(spec.points())
    records = timed_records(store, tuned=spec.tuned)
    return {
        "sweep": spec.id,
        "name": spec.name,
        "schedules": total // len(spec.seeds),
        "seeds": list(spec.seeds),
        "total": total,
        "measured": total - len(left),
        "estimated_seconds": estimate_seconds(spec, records, only=left) if left else 0.0,
    }


def _plan_line(plan: dict[str, Any]) -> str:
    return (
        f"{plan['name']}: {plan['schedules']:,} schedules × {len(plan['seeds'])} seeds = {plan['total']:,} points, "
        f"{plan['measured']:,} already measured; about {fmt.duration(plan['estimated_seconds'])} on one worker"
    )


def _measure(spec: SweepSpec, loaded: Checkpoint, store: Store) -> Sweep:
    """Measure all points of a sweep, in this process or on the cluster given by ROBOREG_SCHEDULER."""
    from roboreg_core.sweeps.local import sweep_here

    with schedule_progress(spec.name) as on_report:
        if os.environ.get("ROBOREG_SCHEDULER"):
            return _measure_on_cluster(spec, loaded, store, on_report)
        return sweep_here(spec, loaded, store, on_report=on_report)


def _measure_on_cluster(
    spec: SweepSpec, loaded: Checkpoint, store: Store, on_report: Callable[[dict[str, Any]], None]
) -> Sweep:
    from roboreg_core.jobs.engine import Engine
    from roboreg_core.sweeps import control

    engine = Engine(store)
    try:
        sweep = control.start(engine, spec, loaded)
        _wait(engine, sweep, on_report)
    finally:
        engine.close()
    return sweep


def _wait(engine: Engine, sweep: Sweep, on_report: Callable[[dict[str, Any]], None]) -> None:
    from roboreg_core.sweeps.control import SweepState, status

    while True:
        found = status(engine.store, sweep)
        on_report({"fraction": found.done / found.total, "done": found.done, "total": found.total})
        if found.state is SweepState.COMPLETE:
            return
        if not found.jobs:
            reason = found.error or "its jobs ended"
            raise JobError(f"{found.done} of {found.total} points are measured ({reason}): call again to continue")
        time.sleep(POLL_SECONDS)


def _facts(sweep: Sweep, store: Store) -> dict[str, Any]:
    from roboreg_core.sweeps.control import status

    found = status(store, sweep)
    return {
        "sweep": sweep.id,
        "name": sweep.name,
        "created": sweep.created,
        "recorded": sweep.recorded,
        "state": str(found.state),
        "measured": found.done,
        "total": found.total,
        "method": sweep.spec.method,
        "seeds": list(sweep.spec.seeds),
        "epochs": sweep.spec.epochs,
    }


def _line(facts: dict[str, Any]) -> str:
    tuned = f", {facts['epochs']} epochs" if facts["epochs"] else ""
    mark = "  (example)" if facts["recorded"] else ""
    return (
        f"{facts['sweep']}  {facts['name']}  {facts['measured']:,} of {facts['total']:,} points, {facts['state']}  "
        f"{facts['method']}{tuned}{mark}"
    )


def _lines(sweep: Sweep, store: Store) -> str:
    return "\n".join([_line(_facts(sweep, store)), *map(_point_line, points_of(store, sweep))])


def _point_line(point: Point) -> str:
    stages = {
        "validation": point.validation.accuracy if point.validation else None,
        "test": point.test.accuracy if point.test else None,
    }
    if point.tuned_test:
        stages |= {"fine-tuned validation": point.tuned_validation, "fine-tuned test": point.tuned_test.accuracy}
    accuracies = ", ".join(
        f"{stage} {accuracy:.2%}" if accuracy is not None else f"{stage} not measured"
        for stage, accuracy in stages.items()
    )
    return f"  {point.schedule!s:<28} seed {point.seed}  {point.parameters:>7,} parameters  {accuracies}"


def _points_json(sweep: Sweep, store: Store) -> list[dict[str, Any]]:
    return [
        {
            **to_json(point),
            "parameters": point.parameters,
            "macs": point.macs,
            "validation_accuracy": point.validation.accuracy if point.validation else None,
            "test_accuracy": point.test.accuracy if point.test else None,
            "tuned_test_accuracy": point.tuned_test.accuracy if point.tuned_test else None,
        }
        for point in points_of(store, sweep)
    ]
