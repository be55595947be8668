"""Dense networks in words: where one comes from, what it scores, what a job for one makes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from roboreg_core.networks.registry import SHIPPED, DenseNetwork
from roboreg_core.networks.spec import DEFAULT_BATCH, TRAINED, UPLOADED
from roboreg_core.wording import fmt

_SEPARATOR = " · "
SHA_DIGITS = 12
ORIGIN_WORDS = {SHIPPED: "ships with RoboReg", TRAINED: "trained here", UPLOADED: "uploaded"}
# The counts themselves stand beside the images, which bring torch with them.
_IMAGES = {"bundled": "10,000 images", "full": "48,000 images"}


def job_label(spec: dict[str, Any]) -> str:
    """The spec of a job for a network as a heading, e.g. `Network mine · recipe best · 2 epochs · seed 0`."""
    parts = [f"Network {fmt.contained(spec['name'])}"]
    if spec["origin"] == TRAINED:
        parts += _training(spec["recipe"], spec["epochs"], spec["training_set"], spec["seed"])
        parts += [f"batch size {spec['batch_size']}"] if spec["batch_size"] != DEFAULT_BATCH else []
    else:
        parts.append(f"from {fmt.contained(spec['file_name'])}")
    return _SEPARATOR.join(parts)


def origin_words(baseline: DenseNetwork) -> str:
    """Where it comes from, e.g. `trained here: recipe best, 2 epochs, 10,000 images, seed 0`."""
    start = ORIGIN_WORDS[baseline.origin]
    if baseline.recipe and baseline.epochs:
        training = _training(baseline.recipe, baseline.epochs, baseline.training_set, baseline.seed)
        return f"{start}: {', '.join(training)}"
    if baseline.record is not None:
        return f"{start} as {fmt.contained(baseline.record.spec['file_name'])}"
    return start


def accuracy_words(baseline: DenseNetwork) -> str:
    """`85.20 % of 10,000 test images`, or that nobody noted it."""
    if baseline.accuracy is None:
        return "accuracy not noted"
    return f"{fmt.percent(baseline.accuracy, 2)} of {fmt.count(baseline.images)} test images"


def finding(baseline: DenseNetwork) -> str:
    """What became of a job: its name and what it scores."""
    return f"Network {fmt.contained(baseline.name)} classifies {accuracy_words(baseline)} rightly."


def summary(networks: Sequence[DenseNetwork]) -> str:
    """How many there are and which is right most often, in a sentence."""
    many = fmt.plural(len(networks), "dense network")
    best = max(networks, key=lambda each: each.accuracy or 0.0)
    if best.accuracy is None:
        return f"{many}; the accuracy of none is known."
    if len(networks) == 1:
        return f"One dense network so far, {fmt.contained(best.name)}: right on {accuracy_words(best)}."
    return f"{many}; the most accurate, {fmt.contained(best.name)}, is right on {accuracy_words(best)}."


def choice_words(baseline: DenseNetwork) -> str:
    """Name, origin and accuracy, for a list to choose from."""
    accuracy = f", {fmt.percent(baseline.accuracy)}" if baseline.accuracy is not None else ""
    return f"{fmt.contained(baseline.name)} ({ORIGIN_WORDS[baseline.origin]}{accuracy})"


def identity_words(baseline: DenseNetwork) -> str:
    """The beginning of its weights' sum, and since when it is there."""
    made = f"{_SEPARATOR}made {fmt.moment(baseline.created)} UTC" if baseline.created else ""
    return f"SHA-256 {baseline.sha256[:SHA_DIGITS]}{made}"


def suggested_name(recipe: str, epochs: int, seed: int) -> str:
    """A name without spaces, which a command line and an address take as it is."""
    return f"{recipe}-{epochs}-epochs-seed-{seed}"


def stopped_words(spec: dict[str, Any], status: str, done: int, *, resumable: bool) -> str:
    """What became of a training or an upload that ended without a network after `done` epochs, and what can be done."""
    how = {"interrupted": "interrupted because the app ended"}.get(status, status)
    if spec["origin"] != TRAINED:
        return f"Measuring this upload was {how}." if status != "failed" else "This upload was not taken."
    reached = f"after {done} of {fmt.plural(spec['epochs'], 'epoch')}" if done else "before its first epoch was done"
    go_on = f"It can go on with epoch {done + 1}." if resumable and done else "It can begin anew."
    return f"The training {'' if status == 'failed' else 'was '}{how} {reached}. {go_on}"


def file_name(baseline: DenseNetwork) -> str:
    """A name for its weights' file that any system takes."""
    plain = re.sub(r"[^a-z0-9]+", "-", baseline.name.lower()).strip("-")[:40].strip("-")
    return f"{plain or baseline.sha256[:SHA_DIGITS]}.safetensors"


def _training(recipe: str, epochs: int, training_set: str, seed: int | None) -> list[str]:
    parts = [f"recipe {recipe}", fmt.plural(epochs, "epoch")]
    if training_set in _IMAGES:
        parts.append(_IMAGES[training_set])
    return parts + ([f"seed {seed}"] if seed is not None else [])
