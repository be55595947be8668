"""Verbs that say what a schedule will score: the sensitivity of blocks, and predictions with their score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core.cli.common import (
    Json,
    ScheduleArgument,
    answer,
    load_network,
    open_store,
    progress_bar,
    say,
    say_notes,
)
from roboreg_core.cli.prune_options import PruneOptions, takes_pruning
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import Schedule

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.prediction.accuracy_predictor import PredictedAccuracies
    from roboreg_core.prediction.forecast import PredictionScore, PredictionSettings
    from roboreg_core.prediction.sensitivity import RemovalCost, SensitivityCurve, SensitivityCurves


@takes_pruning
def sensitivity_verb(
    schedule: Annotated[
        str, typer.Option(metavar="SCHEDULE", help="Where one cluster fewer is priced: counts, or a preset.")
    ] = "moderate",
    *,
    pruning: PruneOptions,
    values: Annotated[int, typer.Option(help="Counts measured a block, where they are not yet.")] = 8,
    as_json: Json = False,
) -> None:
    """How accuracy falls as one block alone loses clusters, and what one cluster fewer saves and costs."""
    from roboreg_core.prediction.sensitivity import curves, exchange
    from roboreg_core.sweeps.sweep_store import points

    parsed = Schedule.parse(schedule)
    loaded = load_network(pruning.start)
    say_notes(loaded.notes)
    asked = _asked(pruning, loaded)
    _measure_missing(values, asked, pruning, loaded)
    setting = {name: getattr(asked, name) for name in _SETTING}
    found = curves(points(open_store(), seed=pruning.seed, **setting))
    rows = exchange(found, parsed)
    answer(
        as_json,
        {
            "dense_accuracy": found.dense.accuracy,
            "images": f"{found.dense.total:,} validation images",
            "curves": [_curve_json(curve) for curve in found],
            "schedule": parsed.to_json(),
            "exchange": [_exchange_json(row) for row in rows],
        },
        "\n".join([*_curve_lines(found), "", *_exchange_lines(parsed, rows)]),
    )


@takes_pruning
def predict_verb(
    schedule: ScheduleArgument,
    pruning: PruneOptions,
    score: Annotated[
        bool, typer.Option("--score", help="Also how right such predictions have been, each made without its own run.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Predict accuracy after pruning and after fine-tuning, from the points in the store; nothing is measured."""
    from roboreg_core.prediction.forecast import forecast

    parsed = Schedule.parse(schedule)
    asked = _asked(pruning, load_network(pruning.start))
    found = forecast(open_store(), asked)
    if found.predictor is None:
        raise SpecError(found.missing)
    pruned, tuned = found.predictor.predict([parsed]), found.predictor.predict_tuned([parsed])
    scored = _scores(asked) if score else {}
    counted = cost(parsed)
    answer(
        as_json,
        {
            "schedule": parsed.to_json(),
            "parameters": counted.parameters,
            "macs": counted.macs,
            "setting": {name: getattr(asked, name) for name in (*_SETTING, "preset", "epochs")},
            "images": "validation",
            "points": len(found.predictor.schedules),
            "tuned_runs": len(found.predictor.tuned_runs),
            "pruned": _predicted_json(pruned),
            "tuned": _predicted_json(tuned) if tuned is not None else None,
            **({"score": {name: _score_json(each) for name, each in scored.items()}} if score else {}),
        },
        "\n".join(
            [
                f"{parsed.label}, {counted.parameters:,} parameters, {counted.macs:,} MACs, on validation images:",
                f"  pruned  {_words(pruned)}",
                f"  tuned   {_words(tuned) if tuned is not None else _too_few(len(found.predictor.tuned_runs))}",
                *(f"  score, {name}: {_score_words(each)}" for name, each in scored.items()),
            ]
        ),
    )


def _asked(pruning: PruneOptions, loaded: Checkpoint) -> PredictionSettings:
    """Under which setting; fine-tuning as the verb `run` does it."""
    from roboreg_core.datasets.sources import resolve_training_set
    from roboreg_core.prediction.forecast import PredictionSettings, learnable
    from roboreg_core.pruning.methods import parse_weights
    from roboreg_core.runs.spec import DEFAULT_PRESET, of_preset

    method, recalibrate = pruning.composed()
    if parse_weights(method) is not None:
        raise SpecError(f"the method must drop filters, got {method}, which keeps them all; take another method")
    asked = PredictionSettings(
        dense_sha256=loaded.sha256,
        training_set=resolve_training_set(pruning.images),
        method=method,
        recalibrate=recalibrate,
        calibration=pruning.calibration,
        **of_preset(pruning.preset or DEFAULT_PRESET),
    )
    return learnable(open_store(), asked) if pruning.images == "auto" else asked


def _measure_missing(values: int, asked: PredictionSettings, pruning: PruneOptions, loaded: Checkpoint) -> None:
    """Measure what the store lacks of the plan, as a sweep of its own."""
    from roboreg_core.prediction.sensitivity import plan
    from roboreg_core.sweeps.local import sweep_here
    from roboreg_core.sweeps.spec import POINT, SweepSpec, renamed
    from roboreg_core.sweeps.sweep_store import missing, sweeps
    from roboreg_core.sweeps.time_estimate import estimate_seconds

    store = open_store()
    setting = {name: getattr(asked, name) for name in _SETTING}
    spec = SweepSpec(
        name="sensitivity",
        grid=plan(values),
        dense=loaded.name,
        seeds=(pruning.seed,),
        test=False,
        device=pruning.device,
        **setting,
    )
    left = missing(store, spec)
    if not left:
        return
    if any(each.name == spec.name and each.id != spec.id for each in sweeps(store)):
        spec = renamed(spec, f"sensitivity {asked.method} {spec.id[:6]}"[:80])
    seconds = estimate_seconds(spec, store.list_records(POINT), only=left)
    say.print(f"{spec.name}: {len(left)} schedules to measure, about {seconds:.0f} s", markup=False)
    with progress_bar(spec.name) as advance:

        def told(payload: dict[str, Any]) -> None:
            advance(payload["fraction"], f"{payload['done']} of {payload['total']}")

        sweep_here(spec, loaded, store, on_report=told)


def _curve_json(curve: SensitivityCurve) -> dict[str, Any]:
    return {
        "block": curve.block,
        "measured": [
            {
                "count": count,
                "accuracy": seen.accuracy,
                "interval": list(curve.interval(count)),
                "loss": curve.loss(count),
                "loss_interval": list(curve.loss_interval(count)),
            }
            for count, seen in curve.measured
        ],
    }


def _exchange_json(row: RemovalCost) -> dict[str, Any]:
    return {
        "block": row.block,
        "count": row.count,
        "macs_saved": row.macs,
        "parameters_saved": row.parameters,
        "loss": row.loss if row.known else None,
        "loss_per_million_macs": row.loss_per_million_macs if row.known else None,
    }


def _curve_lines(found: SensitivityCurves) -> list[str]:
    head = f"dense {found.dense.accuracy:.2%} on {found.dense.total:,} validation images; points lost, one block alone:"
    return [head, *(f"  block {curve.block}: {_losses(curve)}" for curve in found)]


def _losses(curve: SensitivityCurve) -> str:
    return ", ".join(f"{count}: {100 * curve.loss(count):.2f}" for count in curve.counts[:-1]) or "not measured"


def _exchange_lines(schedule: Schedule, rows: list[RemovalCost]) -> list[str]:
    head = f"one cluster fewer at {schedule.label}, cheapest MACs first:"
    return [head, *(f"  block {row.block} ({row.count}): {_exchange_words(row)}" for row in rows)]


def _exchange_words(row: RemovalCost) -> str:
    if row.at_one:
        return "none can go"
    saved = f"saves {row.macs:,} MACs and {row.parameters:,} parameters"
    return f"{saved}, costs {100 * row.loss:.2f} points" if row.known else f"{saved}; what it costs was not measured"


def _predicted_json(found: PredictedAccuracies) -> dict[str, Any]:
    from roboreg_core.prediction.accuracy_predictor import LEVEL

    return {
        "accuracy": float(found.mean[0]),
        "interval": [float(found.low[0]), float(found.high[0])],
        "level": LEVEL,
        "extrapolates": bool(found.extrapolates[0]),
        "reason": found.reasons[0],
    }


def _words(found: PredictedAccuracies) -> str:
    guess = f"; a guess: {found.reasons[0]}" if found.reasons[0] else ""
    return f"{found.mean[0]:.1%} ({found.low[0]:.1%} to {found.high[0]:.1%}){guess}"


def _too_few(runs: int) -> str:
    from roboreg_core.prediction.finetune_recovery import MIN_RUNS

    return f"not enough runs: {runs} were fine-tuned so, {MIN_RUNS} are needed"


def _scores(asked: PredictionSettings) -> dict[str, PredictionScore | None]:
    """How right predictions have been: of points after pruning, of runs after pruning and after fine-tuning."""
    from roboreg_core.prediction.forecast import PRUNED, TUNED, score, scores

    rows = scores(open_store(), asked)
    return {
        "points pruned": score(row for row in rows if not row.run),
        "runs pruned": score(row for row in rows if row.run and row.stage == PRUNED),
        "runs tuned": score(row for row in rows if row.run and row.stage == TUNED),
    }


def _score_json(found: PredictionScore | None) -> dict[str, Any] | None:
    return {"n": found.n, "mean_error": found.mean_error, "held": found.held} if found is not None else None


def _score_words(found: PredictionScore | None) -> str:
    if found is None:
        return "none measured yet"
    return f"off by {100 * found.mean_error:.2f} points on average, interval held in {found.held:.0%} of {found.n}"


_SETTING = ("dense_sha256", "training_set", "method", "recalibrate", "calibration")
