"""What the README says of the networks and runs that ship, from cards and records, and of the longest trainings."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.report.catalogue import percent, verdict
from benchmarks.results.points import Points
from roboreg_core import paths
from roboreg_core.pruning.methods import DEFAULT_METHOD
from roboreg_core.runs.spec import DEFAULT_PRESET, KIND, METHOD_VERSION
from roboreg_core.schedules.schedule import PRESETS
from roboreg_core.store.records import Record
from roboreg_core.store.shipped import ShippedRecords
from roboreg_core.wording import fmt

# Of the dense networks, as a mean over seeds.
GOAL = 0.925
NOT_YET = "not measured yet with this network"


def parts(points: Points) -> dict[str, str]:
    """Each part of the README that is written from what ships, by the name that its markers have."""
    cards = read_cards(paths.checkpoints())
    runs = [record for record in ShippedRecords(paths.recorded()).records().values() if record.kind == KIND]
    return {"dense": dense(cards), "recorded": recorded(runs), "good": good(points, cards[paths.SHIPPED]["sha256"])}


def read_cards(folder: Path) -> dict[str, dict[str, Any]]:
    """Cards by name: of what ships as a dense network and of what lies in `others`."""
    files = [*sorted(folder.glob("*.json")), *sorted((folder / "others").glob("*.json"))]
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def dense(cards: dict[str, dict[str, Any]]) -> str:
    """How right the shipped network is, what other seeds came to, and who taught it."""
    card = cards[paths.SHIPPED]
    recipe = card["recipe"]
    count = card["accuracy"]["images"]
    told = (
        f"**The dense network** is right on **{percent(_test(card), 2)}** of the {count:,} test images "
        f"(float32, last of {recipe['epochs']} epochs of recipe `{recipe['recipe']}`, seed {card['seed']}, "
        f"{card['images']})."
    )
    others = [each for each in cards.values() if _but_seed(each) == _but_seed(card) and each["seed"] != card["seed"]]
    if others:
        named = " and ".join(f"{percent(_test(each), 2)} (seed {each['seed']})" for each in others)
        mean = statistics.fmean(map(_test, [card, *others]))
        told += f" The same training came to {named}: **{percent(mean, 2)}, the mean of {len(others) + 1} seeds** "
        told += f"({verdict(f'goal {percent(GOAL)}', mean >= GOAL)})."
    taught = card.get("teacher", {}).get("sha256")
    teacher = next((name for name, each in cards.items() if each["sha256"] == taught), None)
    if teacher is not None:
        told += f" `{teacher}`, {percent(_test(cards[teacher]), 2)}, taught {'them' if others else 'it'}."
    return f"{told} The cards in `checkpoints` hold the commands and every epoch.\n"


def recorded(runs: Iterable[Record]) -> str:
    """The table of the recorded runs, most filters first, and what its times depend on."""
    runs = sorted(runs, key=lambda run: (-run.result["cost"]["macs"], run.spec["method"]))
    if not runs:
        return f"{NOT_YET}\n"
    medians = [1000 * run.result["latency"]["dense_batch_1"]["median"] for run in runs]
    rows = [
        "| schedule | method | parameters | MACs | pruned | fine-tuned | whole run | "
        f"latency (dense: {min(medians):.2f} to {max(medians):.2f} ms) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    names = {tuple(schedule): name for name, schedule in PRESETS.items()}
    for run in runs:
        spec, result = run.spec, run.result
        cells = (
            names[tuple(spec["schedule"])],
            spec["method"] if spec["distil"] else f"{spec['method']}, labels alone",
            f"{result['cost']['parameters']:,}",
            f"{result['cost']['macs']:,}",
            percent(result["stages"]["pruned"]["accuracy"], 2),
            percent(result["stages"]["tuned"]["accuracy"], 2),
            f"{result['seconds']['total']:.0f} s",
            f"{1000 * result['latency']['final_batch_1']['median']:.2f} ms",
        )
        rows.append(f"| {' | '.join(cells)} |")
    threads = sorted({fmt.plural(run.result["environment"]["threads"], "thread") for run in runs})
    return "\n".join([*rows, "", f"Times on {' or '.join(threads)}."]) + "\n"


def good(points: Points, dense_sha256: str) -> str:
    """What the default method comes to with all training images and a longer preset, where it was measured."""
    found = [
        point
        for point in points.points
        if (point.contestant, point.version, point.dense_sha256) == (DEFAULT_METHOD, METHOD_VERSION, dense_sha256)
        and point.tune is not None
        and point.tune.training_set == "full"
        and point.tune.preset != DEFAULT_PRESET
    ]
    if not found:
        return f"{NOT_YET}\n"
    rows = ["| schedule | preset | training images | seed | pruned | fine-tuned |", "|---|---|---|---|---|---|"]
    for point in sorted(found, key=lambda point: -point.macs):
        assert point.tune is not None
        assert point.tuned is not None
        preset = f"{point.tune.preset}, {point.tune.epochs} epochs"
        cells = (point.schedule, preset, point.tune.training_set, str(point.seed), percent(point.pruned, 2))
        rows.append(f"| {' | '.join(cells)} | **{percent(point.tuned, 2)}** |")
    return "\n".join(rows) + "\n"


def _test(card: dict[str, Any]) -> float:
    return float(card["accuracy"]["test"])


def _but_seed(card: dict[str, Any]) -> tuple[Any, ...]:
    """What a training is, without its seed."""
    return {**card["recipe"], "seed": None}, card["images"], card.get("teacher", {}).get("sha256")
