"""Checksums of the weights, images and logits behind a report, and the baseline option of its commands."""

import hashlib

from roboreg_core import paths
from roboreg_core.datasets.cifar_batches import CONTENT_SHA256, PER_FILE, TRAIN_FILES
from roboreg_core.datasets.dataset import is_cifar10, known_dataset
from roboreg_core.datasets.manifest import MANIFEST
from roboreg_core.runs.summary import DENSE
from roboreg_core.store.records import Record
from roboreg_core.wording import run_facts

RUN_WEIGHTS = "weights of this network (.safetensors)"


def baseline_option(baseline: str) -> str:
    """Command line option for a baseline, e.g. `--baseline ID`; empty for the dense network (`dense`)."""
    return "" if baseline == DENSE else f" --baseline {baseline}"


def checksums(record: Record) -> dict[str, str]:
    """Map descriptions of a run's weights, dense network and images to their SHA-256 (`none kept` without weights)."""
    return {
        RUN_WEIGHTS: record.result["artifacts"].get("weights", "none kept"),
        f"weights of the dense network, {run_facts.dense_name(record.spec)}": record.spec["dense_sha256"],
        **_of_images(record),
    }


def _of_images(record: Record) -> dict[str, str]:
    training_set = record.spec["training_set"]
    if not is_cifar10(training_set):
        data = known_dataset(training_set)
        return {f"images of the data set {data.name}": data.sha256} if data.sha256 else {}
    test = {record.result["images"]["test"]: CONTENT_SHA256["test"]}
    if training_set == "full":
        return {**test, f"all {len(TRAIN_FILES) * PER_FILE:,} training images": CONTENT_SHA256["train"]}
    manifest = (paths.bundled_data() / MANIFEST).read_bytes()
    return {**test, "manifest of the bundled images": hashlib.sha256(manifest).hexdigest()}


def logits_checksums(record: Record) -> dict[str, str]:
    """Map descriptions such as `logits, pruned (.npy)` to the SHA-256 of a run's logits, per stage."""
    return {
        f"logits, {name.removeprefix('logits_')} (.npy)": digest
        for name, digest in record.result["artifacts"].items()
        if name.startswith("logits_")
    }
