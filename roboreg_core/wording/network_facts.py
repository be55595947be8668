"""Dense networks as text: origin, accuracy, jobs."""

import re
from collections.abc import Sequence
from typing import Any

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.datasets.cifar10 import TRAINING_COUNTS
from roboreg_core.datasets.dataset import CIFAR10, is_cifar10, name_of
from roboreg_core.networks.registry import SHIPPED, DenseNetwork
from roboreg_core.networks.spec import DEFAULT_BATCH, TRAINED, UPLOADED
from roboreg_core.wording import fmt
from roboreg_core.wording.dataset_facts import kind_parts

SHA_DIGITS = 12
ORIGIN_WORDS = {SHIPPED: "example network", TRAINED: "trained here", UPLOADED: "uploaded"}
TRAINING_IMAGES = {name: f"{count:,} images" for name, count in TRAINING_COUNTS.items()}


def job_label(spec: dict[str, Any]) -> str:
    """Label of a training or upload from its job's spec, e.g. `Network mine · recipe best · 2 epochs · seed 0`."""
    parts = [f"Network {fmt.inline_text(spec['name'])}"]
    if spec["origin"] == TRAINED:
        parts += kind_parts(Architecture.from_json(spec.get("architecture")), "")
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


def kind_words(network: DenseNetwork) -> str:
    """Architecture and data set of a network where not the default, e.g. `ResNet-56, 3 classes, digits`; else empty."""
    return ", ".join(kind_parts(network.architecture, network.training_set))


def accuracy_words(network: DenseNetwork) -> str:
    """Test accuracy of a network as text: `85.20 % (2,000 test images)`, or `not recorded`."""
    if network.accuracy is None:
        return "not recorded"
    return f"{fmt.percent(network.accuracy, 2)} ({fmt.count(network.images)} test images)"


def finding(network: DenseNetwork) -> str:
    """Sentence on a new network: its name and its test accuracy."""
    return f"Network {fmt.inline_text(network.name)}: test accuracy {accuracy_words(network)}."


def summary(networks: Sequence[DenseNetwork]) -> str:
    """Sentence: the number of networks, and the name and test accuracy of the most accurate one."""
    count = fmt.plural(len(networks), "dense network")
    # Accuracies on several data sets cannot be compared.
    others = [each for each in networks if each.training_set and not is_cifar10(each.training_set)]
    alike = [each for each in networks if each not in others] or list(networks)
    best = max(alike, key=lambda each: each.accuracy or 0.0)
    if best.accuracy is None:
        return f"{count}; no accuracy is recorded."
    on = f" on {CIFAR10.name}" if 0 < len(others) < len(networks) else ""
    most = ":" if len(networks) == 1 else f"; the most accurate{on} is"
    return f"{count}{most} {fmt.inline_text(best.name)}, test accuracy {accuracy_words(best)}."


def choice_words(network: DenseNetwork) -> str:
    """Name, architecture, data set, origin and accuracy of a network in a list: `mine (uploaded, 91.2 %)`."""
    accuracy = fmt.percent(network.accuracy) if network.accuracy is not None else ""
    facts = [part for part in (kind_words(network), ORIGIN_WORDS[network.origin], accuracy) if part]
    return f"{fmt.inline_text(network.name)} ({', '.join(facts)})"


def identity_words(network: DenseNetwork) -> str:
    """Beginning of the weights' SHA-256, and the date on which the network was trained or uploaded here."""
    created = f"{fmt.SEPARATOR}created {fmt.date_time(network.created)} UTC" if network.created else ""
    return f"SHA-256 {network.sha256[:SHA_DIGITS]}{created}"


def suggested_name(
    recipe: str, epochs: int, seed: int, *, architecture: Architecture = RESNET20, training_set: str = "bundled"
) -> str:
    """A name for a new network, e.g. `best-20-epochs-seed-0`, safe in a shell and in a URL.

    It begins with the data set and the architecture where they are not CIFAR-10 and ResNet-20.
    """
    network = "" if architecture.name == RESNET20.name else f"{architecture.name}-"
    images = "" if is_cifar10(training_set) else f"{_plain(name_of(training_set))}-"
    return f"{images}{network}{recipe}-{epochs}-epochs-seed-{seed}"


def stopped_words(spec: dict[str, Any], status: str, done: int, *, resumable: bool) -> str:
    """Sentences on a training or upload that did not finish, and how to continue it.

    Args:
        spec: the job's spec.
        status: status in which the job ended: `failed`, `cancelled` or `interrupted`.
        done: number of finished epochs.
        resumable: True if the training state was saved.
    """
    how = {"interrupted": "interrupted because the app ended"}.get(status, status)
    if spec["origin"] != TRAINED:
        return f"Measuring this upload was {how}." if status != "failed" else "This upload was rejected."
    reached = f"after {done} of {fmt.plural(spec['epochs'], 'epoch')}" if done else "before the end of its first epoch"
    remedy = f"It can resume with epoch {done + 1}." if resumable and done else "It can be restarted."
    return f"The training {'' if status == 'failed' else 'was '}{how} {reached}. {remedy}"


def file_name(network: DenseNetwork) -> str:
    """File name for the network's weights, ending in `.safetensors`, valid on all systems."""
    return f"{_plain(network.name) or network.sha256[:SHA_DIGITS]}.safetensors"


def _plain(name: str) -> str:
    """The name in lower-case letters, digits and hyphens, at most 40; may be empty."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")


def _training(recipe: str, epochs: int, training_set: str, seed: int | None) -> list[str]:
    parts = [f"recipe {recipe}", fmt.plural(epochs, "epoch")]
    if training_set in TRAINING_IMAGES:
        parts.append(TRAINING_IMAGES[training_set])
    elif training_set:
        parts.append(fmt.inline_text(name_of(training_set)))
    return parts + ([f"seed {seed}"] if seed is not None else [])
