"""Dense networks as text: origin, accuracy, jobs."""

import re
from collections.abc import Sequence
from typing import Any

from roboreg_core.datasets.cifar10 import TRAINING_COUNTS
from roboreg_core.datasets.dataset import name_of
from roboreg_core.networks.registry import SHIPPED, DenseNetwork
from roboreg_core.networks.spec import DEFAULT_BATCH, TRAINED, UPLOADED
from roboreg_core.wording import fmt

SHA_DIGITS = 12
ORIGIN_WORDS = {SHIPPED: "example network", TRAINED: "trained here", UPLOADED: "uploaded"}
TRAINING_IMAGES = {name: f"{count:,} images" for name, count in TRAINING_COUNTS.items()}


def job_label(spec: dict[str, Any]) -> str:
    """Label of a job from its spec, e.g. `Network mine · recipe best · 2 epochs · seed 0`."""
    parts = [f"Network {fmt.inline_text(spec['name'])}"]
    if spec["origin"] == TRAINED:
        parts += _training(spec["recipe"], spec["epochs"], spec["training_set"], spec["seed"])
        parts += [f"batch size {spec['batch_size']}"] if spec["batch_size"] != DEFAULT_BATCH else []
    else:
        parts.append(f"from {fmt.inline_text(spec['file_name'])}")
    return fmt.SEPARATOR.join(parts)


def origin_words(network: DenseNetwork) -> str:
    """Origin of a network, e.g. `trained here: recipe best, 2 epochs, 10,000 images, seed 0`."""
    start = ORIGIN_WORDS[network.origin]
    if network.recipe and network.epochs:
        training = _training(network.recipe, network.epochs, network.training_set, network.seed)
        return f"{start}: {', '.join(training)}"
    if network.record is not None:
        return f"{start} as {fmt.inline_text(network.record.spec['file_name'])}"
    return start


def accuracy_words(network: DenseNetwork) -> str:
    """Test accuracy of a network as text: `85.20 % (2,000 test images)`, or `not recorded`."""
    if network.accuracy is None:
        return "not recorded"
    return f"{fmt.percent(network.accuracy, 2)} ({fmt.count(network.images)} test images)"


def finding(network: DenseNetwork) -> str:
    """Name and accuracy of a new network, the finding of a finished job."""
    return f"Network {fmt.inline_text(network.name)}: test accuracy {accuracy_words(network)}."


def summary(networks: Sequence[DenseNetwork]) -> str:
    """Sentence: number of networks and the most accurate one."""
    count = fmt.plural(len(networks), "dense network")
    best = max(networks, key=lambda each: each.accuracy or 0.0)
    if best.accuracy is None:
        return f"{count}; no accuracy is recorded."
    most = ":" if len(networks) == 1 else "; the most accurate is"
    return f"{count}{most} {fmt.inline_text(best.name)}, test accuracy {accuracy_words(best)}."


def choice_words(network: DenseNetwork) -> str:
    """Name, origin and accuracy of a network in a list: `mine (uploaded, 91.2 %)`."""
    accuracy = f", {fmt.percent(network.accuracy)}" if network.accuracy is not None else ""
    return f"{fmt.inline_text(network.name)} ({ORIGIN_WORDS[network.origin]}{accuracy})"


def identity_words(network: DenseNetwork) -> str:
    """Beginning of the weights' SHA-256, and the date on which the network was trained or uploaded here."""
    created = f"{fmt.SEPARATOR}created {fmt.date_time(network.created)} UTC" if network.created else ""
    return f"SHA-256 {network.sha256[:SHA_DIGITS]}{created}"


def suggested_name(recipe: str, epochs: int, seed: int) -> str:
    """A name for a new network, safe in a shell and in a URL."""
    return f"{recipe}-{epochs}-epochs-seed-{seed}"


def stopped_words(spec: dict[str, Any], status: str, done: int, *, resumable: bool) -> str:
    """Sentences on a training or upload (its job's spec) that ended after `done` epochs, and how to continue."""
    how = {"interrupted": "interrupted because the app ended"}.get(status, status)
    if spec["origin"] != TRAINED:
        return f"Measuring this upload was {how}." if status != "failed" else "This upload was rejected."
    reached = f"after {done} of {fmt.plural(spec['epochs'], 'epoch')}" if done else "before the end of its first epoch"
    remedy = f"It can resume with epoch {done + 1}." if resumable and done else "It can be restarted."
    return f"The training {'' if status == 'failed' else 'was '}{how} {reached}. {remedy}"


def file_name(network: DenseNetwork) -> str:
    """File name for the network's weights, valid on all systems."""
    plain = re.sub(r"[^a-z0-9]+", "-", network.name.lower()).strip("-")[:40].strip("-")
    return f"{plain or network.sha256[:SHA_DIGITS]}.safetensors"


def _training(recipe: str, epochs: int, training_set: str, seed: int | None) -> list[str]:
    parts = [f"recipe {recipe}", fmt.plural(epochs, "epoch")]
    if training_set in TRAINING_IMAGES:
        parts.append(TRAINING_IMAGES[training_set])
    elif training_set:
        parts.append(fmt.inline_text(name_of(training_set)))
    return parts + ([f"seed {seed}"] if seed is not None else [])
