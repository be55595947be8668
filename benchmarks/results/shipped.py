"""The networks and runs that ship, and the longest trainings, as sections of docs/results.md."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.report.catalogue import percent, verdict
from benchmarks.results.points import Point, Points
from roboreg_core import paths
from roboreg_core.pruning.methods import DEFAULT_METHOD
from roboreg_core.runs.spec import KIND, METHOD_VERSION
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import Record
from roboreg_core.store.shipped import ShippedRecords
from roboreg_core.training.fine_tuning_presets import DEFAULT_TUNE_PRESET
from roboreg_core.wording import fmt

# Target of the dense networks' mean accuracy over seeds.
GOAL = 0.925
NOT_YET = "Not measured yet with this network."


def sections(points: Points) -> str:
    """Return the three sections as Markdown."""
    cards = read_cards(paths.checkpoints())
    parts = (
        "## Dense network",
        dense(cards),
        "## Example runs",
        "Method `refit` reads calibration images without labels; `source` reads none. Fine-tuned by the preset "
        f"`{DEFAULT_TUNE_PRESET}` on the bundled training images in bfloat16, evaluated in float32, one seed. Made by "
        "`roboreg runs record`; `--times` measures their latency again.\n",
        recorded(example_runs()),
        "## Longer fine-tuning",
        f"Method `{DEFAULT_METHOD}`, all training images (`roboreg data fetch`): "
        "`python -m benchmarks.results measure --methods refit --preset good --images full --tune`.\n",
        good(points, cards[paths.SHIPPED]["sha256"]),
    )
    return "\n".join(f"{part}\n" if part.startswith("##") else part for part in parts)


def example_runs() -> list[Record]:
    """Return the runs that ship, most MACs first."""
    runs = [record for record in ShippedRecords(paths.recorded()).records().values() if record.kind == KIND]
    return sorted(runs, key=lambda run: (-run.result["cost"]["macs"], run.spec["method"]))


def read_cards(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the model cards in a folder and in its `others`, by name."""
    files = [*sorted(folder.glob("*.json")), *sorted((folder / "others").glob("*.json"))]
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def dense(cards: dict[str, dict[str, Any]]) -> str:
    """Describe the shipped network: accuracy, accuracy of other seeds, teacher."""
    card = cards[paths.SHIPPED]
    recipe = card["recipe"]
    text = (
        f"Test accuracy **{percent(card_accuracy(card), 2)}** ({card['accuracy']['images']:,} images, float32), last "
        f"of {recipe['epochs']} epochs of recipe `{recipe['recipe']}`, seed {card['seed']}, {card['images']}."
    )
    others = same_training(card, cards.values())
    if others:
        named = ", ".join(f"{percent(card_accuracy(each), 2)} (seed {each['seed']})" for each in others)
        mean = statistics.fmean(map(card_accuracy, [card, *others]))
        text += f" Other seeds: {named}; **mean of {len(others) + 1} seeds {percent(mean, 2)}** "
        text += f"({verdict(f'goal {percent(GOAL)}', mean >= GOAL)})."
    taught = card.get("teacher", {}).get("sha256")
    teacher = next((name for name, each in cards.items() if each["sha256"] == taught), None)
    if teacher is not None:
        text += f" Teacher: `{teacher}`, {percent(card_accuracy(cards[teacher]), 2)}."
    return f"{text} The model cards in `checkpoints` hold the commands and the metrics of every epoch.\n"


def recorded(runs: Iterable[Record]) -> str:
    """Return the table of the example runs."""
    runs = list(runs)
    if not runs:
        return f"{NOT_YET}\n"
    medians = [1000 * run.result["latency"]["dense_batch_1"]["median"] for run in runs]
    rows = [
        "| schedule | method | parameters | MACs per image | pruned | fine-tuned | time of the run | "
        f"latency (dense network {min(medians):.2f} to {max(medians):.2f} ms) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    names = {tuple(schedule): name for name, schedule in presets().items()}
    for run in runs:
        spec, result = run.spec, run.result
        cells = (
            names[tuple(spec["schedule"])],
            spec["method"] if spec["distil"] else f"{spec['method']}, labels only",
            f"{result['cost']['parameters']:,}",
            f"{result['cost']['macs']:,}",
            percent(result["stages"]["pruned"]["accuracy"], 2),
            percent(result["stages"]["tuned"]["accuracy"], 2),
            f"{result['seconds']['total']:.0f} s",
            f"{1000 * result['latency']['final_batch_1']['median']:.2f} ms",
        )
        rows.append(f"| {' | '.join(cells)} |")
    threads = sorted({fmt.plural(run.result["environment"]["threads"], "thread") for run in runs})
    return "\n".join([*rows, "", f"Times and latency on {' or '.join(threads)}."]) + "\n"


def good(points: Points, dense_sha256: str) -> str:
    """Return the table of the default method with longer presets on all training images."""
    found = long_trainings(points, dense_sha256)
    if not found:
        return f"{NOT_YET}\n"
    rows = ["| schedule | preset | training images | seed | pruned | fine-tuned |", "|---|---|---|---|---|---|"]
    for point in found:
        assert point.tune is not None
        assert point.tuned is not None
        preset = f"{point.tune.preset}, {point.tune.epochs} epochs"
        cells = (point.schedule, preset, point.tune.training_set, str(point.seed), percent(point.pruned, 2))
        rows.append(f"| {' | '.join(cells)} | **{percent(point.tuned, 2)}** |")
    return "\n".join(rows) + "\n"


def long_trainings(points: Points, dense_sha256: str) -> list[Point]:
    """Return points of the default method with all training images and a longer preset, most MACs first."""
    found = [
        point
        for point in points.points
        if (point.contestant, point.version, point.dense_sha256) == (DEFAULT_METHOD, METHOD_VERSION, dense_sha256)
        and point.tune is not None
        and point.tune.training_set == "full"
        and point.tune.preset != DEFAULT_TUNE_PRESET
    ]
    return sorted(found, key=lambda point: -point.macs)


def card_accuracy(card: dict[str, Any]) -> float:
    """Test accuracy of a model card, 0..1."""
    return float(card["accuracy"]["test"])


def same_training(card: dict[str, Any], cards: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the cards of the same training with other seeds."""
    return [each for each in cards if _but_seed(each) == _but_seed(card) and each["seed"] != card["seed"]]


def _but_seed(card: dict[str, Any]) -> tuple[Any, ...]:
    return {**card["recipe"], "seed": None}, card["images"], card.get("teacher", {}).get("sha256")
