"""Dense networks in words: what each is, how it was made, and which is the most accurate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from roboreg_core.baselines.known import Baseline
from roboreg_core.baselines.spec import NetworkSpec, TrainingSpec
from roboreg_core.charts import words

ORIGIN_WORDS = {"shipped": "ships with the project", "trained": "trained here", "uploaded": "uploaded"}
SET_WORDS = {"bundled": "10,000 training images (bundled)", "full": "48,000 training images (all of CIFAR-10)"}
SHA_DIGITS = 12


def finding(networks: Sequence[Baseline]) -> str:
    """How many there are and which is right most often, in a sentence or two."""
    many = words.plural(len(networks), "dense network")
    measured = [each for each in networks if each.accuracy is not None]
    best = max(measured, key=lambda each: each.accuracy or 0.0, default=None)
    if best is None:
        return f"{many}; the accuracy of none is known."
    right = f"right on {accuracy_words(best)}"
    if len(networks) == 1:
        return f"One dense network so far, {words.contained(best.name)}: {right}."
    return f"{many}; the most accurate, {words.contained(best.name)}, is {right}."


def accuracy_words(network: Baseline) -> str:
    """`92.3 % of 10,000 test images`; that it was not measured where nobody noted it."""
    if network.accuracy is None:
        return "an unknown share of the test images"
    of = f"{network.images:,} test images" if network.images else "the test images"
    return f"{words.percent(network.accuracy)} of {of}"


def made_words(network: Baseline) -> str:
    """How it was trained, as far as that is known."""
    parts = [f"recipe {words.contained(network.recipe)}"] if network.recipe else []
    if network.epochs is not None:
        parts.append(words.plural(network.epochs, "epoch"))
    if network.training_set:
        parts.append(SET_WORDS.get(network.training_set, words.contained(network.training_set)))
    if network.seed is not None:
        parts.append(f"seed {network.seed}")
    return ", ".join(parts) or "how it was trained is not known"


def origin_words(network: Baseline) -> str:
    """Whose it is, its weights' sum and since when it is here."""
    parts = [f"SHA-256 {network.sha256[:SHA_DIGITS]}"]
    if network.created:
        parts.append(f"made {words.moment(network.created)} UTC")
    return " · ".join(parts)


def choice_words(network: Baseline) -> str:
    """Name, whose it is and its accuracy, for a list to choose from."""
    accuracy = f", {words.percent(network.accuracy)}" if network.accuracy is not None else ""
    return f"{words.contained(network.name)} ({ORIGIN_WORDS[network.origin]}{accuracy})"


def spec_words(spec: NetworkSpec) -> str:
    """What is being made: a training's settings, or an upload's file."""
    if isinstance(spec, TrainingSpec):
        parts = [
            f"recipe {words.contained(spec.recipe)}",
            words.plural(spec.epochs, "epoch"),
            SET_WORDS[spec.training_set],
        ]
        return ", ".join([*parts, f"seed {spec.seed}", f"batches of {spec.batch_size:,}"])
    return f"from the file {words.contained(spec.file_name)}, {words.kilobytes(spec.size)}"


def suggested_name(recipe: str, epochs: int, seed: int) -> str:
    """A name without spaces, which a command line and an address take as it is."""
    return f"{recipe}-{epochs}-epochs-seed-{seed}"


def stopped_words(spec: NetworkSpec, status: str, history: Sequence[dict[str, Any]], *, resumable: bool) -> str:
    """What became of a training or an upload that ended without a network, and what can be done."""
    how = {"interrupted": "interrupted: the app ended before it did", "cancelled": "cancelled", "failed": "failed"}[
        status
    ]
    what = "Training" if isinstance(spec, TrainingSpec) else "Upload"
    if not isinstance(spec, TrainingSpec):
        return f"{what} {how}."
    done = len(history)
    reached = f"after {done} of {words.plural(spec.epochs, 'epoch')}" if done else "before its first epoch was done"
    go_on = f"It goes on from epoch {done + 1}." if resumable and done else "It begins anew."
    return f"{what} {how}, {reached}. {go_on}"


def file_name(network: Baseline) -> str:
    """A name for its weights' file that any system takes."""
    plain = re.sub(r"[^a-z0-9]+", "-", network.name.lower()).strip("-")[:40].strip("-")
    return f"{plain or network.sha256[:SHA_DIGITS]}.safetensors"
