"""Predicted and measured accuracy of 20 random schedules that the predictor was not fitted to.

The predictor is fitted to the points in the store, by the default method, without these schedules; the schedules are
measured by the default method with seed 0. Run: python -m benchmarks.prediction
"""

from __future__ import annotations

import json as to_text
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.common import write_json
from roboreg_core import paths
from roboreg_core.architecture import RESNET20
from roboreg_core.datasets.sources import training_images, validation_images
from roboreg_core.models import checkpoints
from roboreg_core.prediction.forecast import PredictionSettings, fit_forecast, forecast
from roboreg_core.pruning.prune import Pruner, PruneSpec
from roboreg_core.runs.spec import spec_for
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.store import Store
from roboreg_core.sweeps.grid import RANDOM, Grid
from roboreg_core.sweeps.points import Point, from_json
from roboreg_core.sweeps.shared_prefix import VALIDATION, measure_schedules

# Uniform between one filter and all; the shipped points contain schedules of another seed.
HELD_OUT = Grid(kind=RANDOM, values=tuple((1, bound) for bound in RESNET20.bounds), n=20, seed=1)


def main(
    measured: Annotated[Path | None, typer.Option(help="Points measured before, one JSON line per point.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Two schedules: only tests this script.")] = False,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
) -> None:
    """Measure, predict, and print both with the score."""
    dense = checkpoints.load("dense")
    asked = PredictionSettings.of(spec_for(presets()["dense"], dense, "bundled"))
    schedules = set(HELD_OUT.schedules())
    count = 2 if quick else len(schedules)
    store = Store(paths.home(), shipped=paths.recorded())
    found = fit_forecast(tuple(each for each in forecast(store, asked).points if each.schedule not in schedules))
    if found.predictor is None:
        raise typer.BadParameter(found.missing)
    points = read(measured) if measured else measure(dense, count)
    predicted = found.predictor.predict(point.schedule for point in points)
    accuracy = np.array([point.validation.accuracy for point in points if point.validation])
    held = (predicted.low <= accuracy) & (accuracy <= predicted.high)
    for point, mean, low, high, was in zip(
        points, predicted.mean, predicted.low, predicted.high, accuracy, strict=True
    ):
        print(f"{point.schedule!s:<28} predicted {mean:.2%} ({low:.2%} to {high:.2%})  measured {was:.2%}")
    error = np.abs(predicted.mean - accuracy)
    figures = {
        "learnt_from": len(found.predictor.schedules),
        "held_out": len(points),
        "mean_error_points": 100 * float(error.mean()),
        "largest_error_points": 100 * float(error.max()),
        "interval_held": int(held.sum()),
    }
    write_json(json, figures)
    print(
        f"\nlearnt from {len(found.predictor.schedules)} schedules; {len(points)} held out: mean absolute error "
        f"{100 * error.mean():.2f} points, largest {100 * error.max():.2f}; the interval held for {held.mean():.0%}"
    )


def measure(dense: checkpoints.Checkpoint, count: int) -> list[Point]:
    """Prune and measure the first `count` held-out schedules."""
    pruner = Pruner(dense.model, PruneSpec(), calibration=training_images("bundled"))
    return list(measure_schedules(pruner, HELD_OUT.schedules()[:count], {VALIDATION: validation_images()}))


def read(file: Path) -> list[Point]:
    """Read the points from a file."""
    return [from_json(to_text.loads(line)) for line in file.read_text().splitlines()]


if __name__ == "__main__":
    typer.run(main)
