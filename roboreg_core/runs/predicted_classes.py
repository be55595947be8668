"""Predictions of a run's networks on the test images, read from its stored logits and cached."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from roboreg_core.datasets.dataset import is_cifar10
from roboreg_core.datasets.true_classes import test_labels
from roboreg_core.errors import DataError, StoreError
from roboreg_core.runs.results import STAGES

if TYPE_CHECKING:
    from roboreg_core.store.artifacts import Artifacts
    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store

# Networks in the cache, at 120 kB each.
KEPT = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictedClasses:
    """Predictions of one network on the n test images; the arrays are read-only.

    Attributes:
        classes: int64 (n,), the predicted class.
        confidence: float32 (n,), its softmax probability.
    """

    classes: np.ndarray
    confidence: np.ndarray


def predictions(record: Record, store: Store) -> dict[str, PredictedClasses]:
    """Predictions of a run's networks by stage (`dense`, `pruned`, `tuned`).

    Raises `StoreError`: the run's logits are missing from the store.
    """
    named = record.result.get("artifacts") or {}
    stages = [stage for stage in STAGES if stage in record.result["stages"]]
    for stage in stages:
        if f"logits_{stage}" not in named:
            raise StoreError(f"run {record.id} has no logits of its {stage} network: run it again")
    return {stage: _read(store.artifacts, named[f"logits_{stage}"]) for stage in stages}


def labels_of(record: Record) -> np.ndarray:
    """True classes of the images that a run was measured on, int64 (n,).

    Raises `DataError`: the data set is missing, or the run was not measured on all of its test images.
    """
    labels, images = test_labels(record.spec["training_set"]), record.result["stages"]["dense"]["images"]
    if images != len(labels):
        raise DataError(f"run {record.id} must be measured on the {len(labels):,} test images, got {images:,}")
    return labels


def class_names(record: Record) -> tuple[str, ...]:
    """Class names of the data set that a run was measured on, in the order of the labels."""
    return tuple(row["name"] for row in record.result["stages"]["dense"]["per_class"])


def same_images(record: Record, other: Record) -> bool:
    """True if two runs are measured on the same test images; `bundled` and `full` are one data set, CIFAR-10."""
    first, second = record.spec["training_set"], other.spec["training_set"]
    return first == second or (is_cifar10(first) and is_cifar10(second))


def predictions_csv(record: Record, store: Store) -> str:
    """CSV with a row per test image: `image` (its index), `true`, and per stage the predicted class and the confidence.

    The columns of a stage are e.g. `pruned` (class name) and `pruned_confidence` (softmax probability, 0..1).
    """
    import pandas as pd

    names, labels = np.array(class_names(record)), labels_of(record)
    frame = pd.DataFrame({"image": np.arange(len(labels)), "true": names[labels]})
    for stage, each in predictions(record, store).items():
        frame[stage] = names[each.classes]
        frame[f"{stage}_confidence"] = each.confidence.round(6)
    return frame.to_csv(index=False)


@lru_cache(maxsize=KEPT)
def _read(artifacts: Artifacts, name: str) -> PredictedClasses:
    values = np.load(io.BytesIO(artifacts.get(name)), allow_pickle=False)
    odds = np.exp(values - values.max(1, keepdims=True))
    classes, confidence = values.argmax(1), odds.max(1) / odds.sum(1)
    for array in (classes, confidence):
        array.setflags(write=False)
    return PredictedClasses(classes=classes, confidence=confidence)
