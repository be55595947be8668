"""The verb `predict`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core.cli.common import Json, ScheduleArgument, print_result, with_options
from roboreg_core.cli.prune_options import PruneOptions
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import cost
from roboreg_core.prediction import forecast as forecasts
from roboreg_core.prediction.forecast import PRUNED, TUNED, PredictionScore, PredictionSettings
from roboreg_core.prediction.sensitivity import SETTING
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.user_store import open_store

if TYPE_CHECKING:
    from roboreg_core.prediction.accuracy_predictor import PredictedAccuracies


@with_options
def predict_verb(
    schedule: ScheduleArgument,
    pruning: PruneOptions,
    score: Annotated[bool, typer.Option("--score", help="Also report leave-one-out errors of predictions.")] = False,
    as_json: Json = False,
) -> None:
    """Predict accuracy after pruning and after fine-tuning from the points in the store, without measuring."""
    loaded = pruning.network()
    parsed = Schedule.parse(schedule, loaded.model.architecture)
    settings = pruning.prediction_settings(loaded)
    predictor = (found := forecasts.forecast(open_store(), settings)).predictor
    if predictor is None:
        raise SpecError(found.missing)
    pruned, tuned = predictor.predict([parsed]), predictor.predict_tuned([parsed])
    scores = _scores(settings) if score else {}
    counted = cost(parsed)
    values = {
        **parsed.stored(),
        "parameters": counted.parameters,
        "macs": counted.macs,
        "setting": {name: getattr(settings, name) for name in (*SETTING, "preset", "epochs")},
        "images": "validation",
        "points": len(predictor.schedules),
        "tuned_runs": len(predictor.tuned_runs),
        "pruned": _prediction_json(pruned),
        "tuned": _prediction_json(tuned) if tuned is not None else None,
        **({"score": {name: asdict(each) if each else None for name, each in scores.items()}} if score else {}),
    }
    lines = [
        f"{parsed.label}, {counted.parameters:,} parameters, {counted.macs:,} MACs, on validation images:",
        f"  pruned      {_prediction_text(pruned)}",
        f"  fine-tuned  {_prediction_text(tuned) if tuned is not None else _too_few(len(predictor.tuned_runs))}",
        *(f"  score, {name.replace('tuned', 'fine-tuned')}: {_score_text(each)}" for name, each in scores.items()),
    ]
    print_result(as_json, values, "\n".join(lines))


def _prediction_json(found: PredictedAccuracies) -> dict[str, Any]:
    from roboreg_core.prediction.accuracy_predictor import LEVEL

    return {
        "accuracy": float(found.mean[0]),
        "interval": [float(found.low[0]), float(found.high[0])],
        "level": LEVEL,
        "extrapolates": bool(found.extrapolates[0]),
        "reason": found.reasons[0],
    }


def _prediction_text(found: PredictedAccuracies) -> str:
    extrapolation = f"; extrapolation: {found.reasons[0]}" if found.reasons[0] else ""
    return f"{found.mean[0]:.1%} ({found.low[0]:.1%} to {found.high[0]:.1%}){extrapolation}"


def _too_few(runs: int) -> str:
    from roboreg_core.prediction.finetune_recovery import MIN_RUNS

    return f"no prediction: needs {MIN_RUNS} runs fine-tuned with these settings, got {runs}"


def _scores(settings: PredictionSettings) -> dict[str, PredictionScore | None]:
    """Scores of points after pruning, and of runs after pruning and after fine-tuning."""
    rows = forecasts.scores(open_store(), settings)
    return {
        "points pruned": forecasts.score(row for row in rows if not row.run),
        "runs pruned": forecasts.score(row for row in rows if row.run and row.stage == PRUNED),
        "runs tuned": forecasts.score(row for row in rows if row.run and row.stage == TUNED),
    }


def _score_text(found: PredictionScore | None) -> str:
    if found is None:
        return "none measured yet"
    return f"mean absolute error {100 * found.mean_error:.2f} pp, interval coverage {found.held:.0%}, n = {found.n}"
