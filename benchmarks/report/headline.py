"""The README's table of headline figures: each with its command and its machine."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.report.catalogue import BENCHMARKS, percent
from benchmarks.report.measurements import Measurement
from benchmarks.results.points import Point, Points, Searched
from benchmarks.results.searched import GREEDY, REFINED
from benchmarks.results.shipped import card_accuracy, example_runs, long_trainings, read_cards, same_training
from roboreg_core import paths
from roboreg_core.pruning.methods import DEFAULT_METHOD
from roboreg_core.runs.spec import METHOD_VERSION
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import Record
from roboreg_core.training.fine_tuning_presets import DEFAULT_TUNE_PRESET
from roboreg_core.wording import fmt

# The preset schedule of the headline figures, with half of the filters in each block.
SCHEDULE = "moderate"
TEST_ACCURACY = "test accuracy"


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One row of the table."""

    what: str
    value: str
    command: str
    machine: str


def headline(points: Points, measurements: Mapping[str, Measurement]) -> str:
    """Return the table as Markdown."""
    rows = ["| figure | value | command | machine |", "|---|---|---|---|"]
    rows += [
        f"| {each.what} | {each.value} | `{each.command}` | {each.machine} |"
        for each in headlines(points, measurements)
    ]
    return "\n".join(rows) + "\n"


def headlines(points: Points, measurements: Mapping[str, Measurement]) -> list[Headline]:
    """Return the rows: accuracies first, then speeds."""
    cards = read_cards(paths.checkpoints())
    sha256 = cards[paths.SHIPPED]["sha256"]
    current = [each for each in points.points if (each.version, each.dense_sha256) == (METHOD_VERSION, sha256)]
    searched = [each for each in points.searched if (each.version, each.dense_sha256) == (METHOD_VERSION, sha256)]
    return [
        dense_network(cards),
        *example_run(example_runs()),
        *long_fine_tuning(long_trainings(points, sha256)),
        *torch_pruning(current),
        *search(searched),
        *speeds(measurements),
    ]


def dense_network(cards: Mapping[str, dict[str, Any]]) -> Headline:
    """Test accuracy of the dense network that ships."""
    card = cards[paths.SHIPPED]
    others = same_training(card, cards.values())
    mean = statistics.fmean(card_accuracy(each) for each in (card, *others))
    seeds = f"; mean of {len(others) + 1} seeds {percent(mean, 2)}" if others else ""
    return Headline(
        what=f"dense network, {TEST_ACCURACY}",
        value=f"{percent(card_accuracy(card), 2)}{seeds}",
        command=f"roboreg {card['reproduce'].removeprefix('python -m roboreg_core ')}",
        machine=machine(card["environment"]),
    )


def example_run(runs: Iterable[Record]) -> Iterator[Headline]:
    """Test accuracy of the example run of the headline schedule by the default method."""
    for run in runs:
        if run.spec["schedule"] != list(presets()[SCHEDULE]) or run.spec["method"] != DEFAULT_METHOD:
            continue
        pruned, tuned = (run.result["stages"][stage]["accuracy"] for stage in ("pruned", "tuned"))
        yield Headline(
            what=f"`{SCHEDULE}` (half of the filters per block), {TEST_ACCURACY} after pruning, after fine-tuning",
            value=f"{percent(pruned, 2)}, {percent(tuned, 2)} ({run.spec['epochs']} epochs, in all "
            f"{run.result['seconds']['total']:.0f} s)",
            command=f"roboreg run {SCHEDULE} --preset {run.spec['preset']} --images {run.spec['training_set']}",
            machine=machine(run.result["environment"]),
        )


def long_fine_tuning(points: Iterable[Point]) -> Iterator[Headline]:
    """Test accuracy of the headline schedule after a longer fine-tuning on all training images."""
    for point in points:
        if point.schedule == SCHEDULE and point.tune is not None and point.tuned is not None:
            yield Headline(
                what=f"`{SCHEDULE}`, {TEST_ACCURACY} after longer fine-tuning",
                value=f"{percent(point.tuned, 2)} ({point.tune.epochs} epochs on all training images)",
                command=f"roboreg run {SCHEDULE} --preset {point.tune.preset} --images {point.tune.training_set}",
                machine=machine(point.environment),
            )
            return


def torch_pruning(points: Iterable[Point]) -> Iterator[Headline]:
    """Test accuracies of the default method and of the best configuration of Torch-Pruning at each stage."""
    found: dict[str, list[Point]] = {}
    for point in points:
        usual = point.tune is None or (point.tune.preset == DEFAULT_TUNE_PRESET and point.tune.distil)
        if point.schedule == SCHEDULE and point.training_set == "bundled" and usual:
            found.setdefault(point.contestant, []).append(point)
    ours = found.get(DEFAULT_METHOD)
    rivals = [each for name, each in found.items() if name.startswith("torch-pruning:")]
    if not ours or not rivals:
        return
    parts = []
    for stage, name in (("pruned", "pruning"), ("tuned", "fine-tuning")):
        mean = _mean(ours, stage)
        best = max((accuracy for each in rivals if (accuracy := _mean(each, stage)) is not None), default=None)
        if mean is not None and best is not None:
            parts.append(f"{percent(mean, 2)} and {percent(best, 2)} after {name}")
    yield Headline(
        what=f"`{SCHEDULE}`, {TEST_ACCURACY} by `{DEFAULT_METHOD}` and by the best Torch-Pruning configuration",
        value="; ".join(parts),
        command="python -m benchmarks.results measure --tune",
        machine=machine(ours[0].environment),
    )


def _mean(points: Iterable[Point], stage: str) -> float | None:
    """Mean accuracy of a stage over seeds, None if not measured."""
    values = {point.seed: getattr(point, stage) for point in points if getattr(point, stage) is not None}
    return statistics.fmean(values.values()) if values else None


def search(found: Iterable[Searched]) -> Iterator[Headline]:
    """Fine-tuned test accuracy of a searched schedule and of the best uniform one at the same MACs."""
    tuned = [each for each in found if each.tuned is not None]
    best = next((each for each in tuned if each.source == REFINED), None)
    if best is None:
        return
    uniform = [
        each.tuned
        for each in tuned
        if each.source not in (REFINED, GREEDY) and each.budget == best.budget and each.tuned is not None
    ]
    if best.tuned is not None and uniform:
        yield Headline(
            what=f"schedule found by search at {100 * best.budget:g} % of the MACs, {TEST_ACCURACY} after fine-tuning",
            value=f"{percent(best.tuned, 2)}, best uniform {percent(max(uniform), 2)}",
            command="python -m benchmarks.results search --tune",
            machine=machine(best.environment),
        )


def speeds(measurements: Mapping[str, Measurement]) -> Iterator[Headline]:
    """One row per measured benchmark with a headline figure."""
    for benchmark in BENCHMARKS:
        measured = measurements.get(benchmark.name)
        if not benchmark.headline or benchmark.lines is None or measured is None:
            continue
        for line in (line for line in benchmark.lines(measured.figures) if line.headline):
            ratio = f"; {line.ratio}; reference: {line.rival}" if line.ratio else ""
            yield Headline(
                what=line.what,
                value=f"{line.figure}{ratio}",
                command=benchmark.command,
                machine=machine(measured.machine),
            )


def machine(environment: Mapping[str, Any]) -> str:
    """Return the processor family where it is known, with the number of threads."""
    known = environment.get("family") or environment.get("processor") or environment["machine"]
    kind = known.replace("(R)", "").removesuffix(" Processor")
    return f"{environment['device']} ({kind}), {fmt.plural(environment['threads'], 'thread')}"
