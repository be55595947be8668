"""Dense networks in words: where one comes from, what it scores, what a job for one makes."""

from __future__ import annotations

from typing import Any

from roboreg_core.baselines.known import SHIPPED, Baseline
from roboreg_core.baselines.spec import DEFAULT_BATCH, TRAINED
from roboreg_core.charts import words

_SEPARATOR = " · "
# The counts themselves stand beside the images, which bring torch with them.
_IMAGES = {"bundled": "10,000 images", "full": "48,000 images"}


def job_label(spec: dict[str, Any]) -> str:
    """The spec of a job for a network as a heading, e.g. `Network mine · recipe best · 2 epochs · seed 0`."""
    parts = [f"Network {words.contained(spec['name'])}"]
    if spec["origin"] == TRAINED:
        parts += _training(spec["recipe"], spec["epochs"], spec["training_set"], spec["seed"])
        parts += [f"batch size {spec['batch_size']}"] if spec["batch_size"] != DEFAULT_BATCH else []
    else:
        parts.append(f"from {words.contained(spec['file_name'])}")
    return _SEPARATOR.join(parts)


def origin_words(baseline: Baseline) -> str:
    """Where it comes from, e.g. `trained here: recipe best, 2 epochs, 10,000 images, seed 0`."""
    start = {SHIPPED: "ships with RoboReg", TRAINED: "trained here"}.get(baseline.origin, "uploaded")
    if baseline.recipe and baseline.epochs:
        training = _training(baseline.recipe, baseline.epochs, baseline.training_set, baseline.seed)
        return f"{start}: {', '.join(training)}"
    if baseline.record is not None:
        return f"{start} as {words.contained(baseline.record.spec['file_name'])}"
    return start


def accuracy_words(baseline: Baseline) -> str:
    """`85.20 % of 10,000 test images`, or that nobody noted it."""
    if baseline.accuracy is None:
        return "accuracy not noted"
    return f"{words.percent(baseline.accuracy, 2)} of {words.count(baseline.images)} test images"


def finding(baseline: Baseline) -> str:
    """What became of a job: its name and what it scores."""
    return f"Network {words.contained(baseline.name)} classifies {accuracy_words(baseline)} rightly."


def _training(recipe: str, epochs: int, training_set: str, seed: int | None) -> list[str]:
    parts = [f"recipe {recipe}", words.plural(epochs, "epoch")]
    if training_set in _IMAGES:
        parts.append(_IMAGES[training_set])
    return parts + ([f"seed {seed}"] if seed is not None else [])
