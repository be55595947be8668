"""The verb `sensitivity`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core.cli.common import (
    Json,
    print_notes,
    print_result,
    schedule_progress,
    stderr,
    with_options,
)
from roboreg_core.cli.prune_options import PruneOptions
from roboreg_core.prediction.sensitivity import (
    SETTING,
    VALUES_PER_BLOCK,
    RemovalCost,
    SensitivityCurve,
    SensitivityCurves,
    curves,
    plan,
    removal_costs,
)
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.sweeps.spec import POINT, SweepSpec
from roboreg_core.sweeps.sweep_store import missing, points, sweeps
from roboreg_core.sweeps.time_estimate import estimate_seconds
from roboreg_core.user_store import open_store

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint


@with_options
def sensitivity_verb(
    schedule: Annotated[
        str, typer.Option(metavar="SCHEDULE", help="Schedule for the cost of removing one filter: counts, or a preset.")
    ] = "moderate",
    *,
    pruning: PruneOptions,
    values: Annotated[
        int | None, typer.Option(help=f"Counts to measure per block; up to {VALUES_PER_BLOCK} if omitted.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure accuracy with one block pruned at a time, and report the cost of removing one filter."""
    loaded = pruning.network()
    parsed = Schedule.parse(schedule, loaded.model.architecture)
    print_notes(loaded.notes)
    settings = pruning.prediction_settings(loaded)
    selected = {name: getattr(settings, name) for name in SETTING}
    _measure_missing(values, selected, pruning, loaded)
    found = curves(points(open_store(), seed=pruning.seed, **selected))
    rows = removal_costs(found, parsed)
    print_result(
        as_json,
        {
            "dense_accuracy": found.dense.accuracy,
            "images": f"{found.dense.total:,} validation images",
            "curves": [_curve_json(curve) for curve in found],
            **parsed.stored(),
            "exchange": [_removal_json(row) for row in rows],
        },
        "\n".join([*_curve_lines(found), "", *_removal_lines(parsed, rows)]),
    )


def _measure_missing(values: int | None, settings: dict[str, Any], pruning: PruneOptions, loaded: Checkpoint) -> None:
    """Measure the schedules of the plan that the store lacks, as a sweep."""
    from roboreg_core.sweeps.local import sweep_here

    store = open_store()
    spec = SweepSpec(
        name="sensitivity",
        grid=plan(values, loaded.model.architecture),
        dense=loaded.name,
        seeds=(pruning.seed,),
        test=False,
        device=pruning.device,
        **settings,
    )
    left = missing(store, spec)
    if not left:
        return
    if any(each.name == spec.name and each.id != spec.id for each in sweeps(store)):
        spec = replace(spec, name=f"sensitivity {spec.method} {spec.id[:6]}"[:80])
    seconds = estimate_seconds(spec, store.list_records(POINT), only=left)
    stderr.print(f"{spec.name}: {len(left)} schedules to measure, about {seconds:.0f} s", markup=False)
    with schedule_progress(spec.name) as on_report:
        sweep_here(spec, loaded, store, on_report=on_report)


def _curve_json(curve: SensitivityCurve) -> dict[str, Any]:
    return {
        "block": curve.block,
        "measured": [
            {
                "count": count,
                "accuracy": counts.accuracy,
                "interval": list(curve.interval(count)),
                "loss": curve.loss(count),
                "loss_interval": list(curve.loss_interval(count)),
            }
            for count, counts in curve.measured
        ],
    }


def _removal_json(row: RemovalCost) -> dict[str, Any]:
    return {
        "block": row.block,
        "count": row.count,
        "macs_saved": row.macs,
        "parameters_saved": row.parameters,
        "loss": row.loss if row.known else None,
        "loss_per_million_macs": row.loss_per_million_macs if row.known else None,
    }


def _curve_lines(found: SensitivityCurves) -> list[str]:
    head = (
        f"dense {found.dense.accuracy:.2%} on {found.dense.total:,} validation images; "
        "loss in pp by filters kept in one block:"
    )
    return [head, *(f"  block {curve.block}: {_losses(curve)}" for curve in found)]


def _losses(curve: SensitivityCurve) -> str:
    return ", ".join(f"{count}: {100 * curve.loss(count):.2f}" for count in curve.counts[:-1]) or "not measured"


def _removal_lines(schedule: Schedule, rows: list[RemovalCost]) -> list[str]:
    head = f"removing one filter from {schedule.label}, least loss per MAC first:"
    return [head, *(f"  block {row.block} ({row.count}): {_removal_text(row)}" for row in rows)]


def _removal_text(row: RemovalCost) -> str:
    if row.is_minimal:
        return "only one filter is left"
    saved = f"saves {row.macs:,} MACs and {row.parameters:,} parameters"
    return f"{saved}, loses {100 * row.loss:.2f} pp" if row.known else f"{saved}; the loss was not measured"
