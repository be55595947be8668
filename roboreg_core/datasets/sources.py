"""Training, validation and test images, from a local `cifar-10-batches-py` or else from the bundled part.

The validation split is the same for both and disjoint from the training images. Loaded images are cached and shared:
treat them as read-only.
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from roboreg_core import paths
from roboreg_core.datasets import bundled, cifar10, cifar_batches
from roboreg_core.datasets.images import Images, validation_rows
from roboreg_core.errors import DataError

TrainingSet = Literal["auto", "bundled", "full"]
TRAINING_COUNTS = cifar10.TRAINING_COUNTS


def full_is_present() -> bool:
    """True if all of CIFAR-10 is on this machine."""
    return cifar_batches.present(paths.local_data())


def resolve_training_set(choice: str) -> str:
    """`full` or `bundled` for `choice`; `auto` is `full` if present. Raises `DataError`: unknown or absent."""
    if choice not in get_args(TrainingSet):
        raise DataError(f"training images must be one of {', '.join(get_args(TrainingSet))}, got {choice!r}")
    if choice == "auto":
        return "full" if full_is_present() else "bundled"
    if choice == "full" and not full_is_present():
        raise DataError(
            f"all {TRAINING_COUNTS['full']:,} training images need {paths.local_data() / cifar_batches.FOLDER}, "
            "which is absent; run: python -m roboreg_core data fetch"
        )
    return choice


def training_images(choice: str = "auto") -> Images:
    """Training images (`auto`, `bundled` or `full`) without the validation split."""
    name = resolve_training_set(choice)
    return _training(name, _folder(name))


def validation_images() -> Images:
    """Validation images, the same for every choice of training images."""
    name = resolve_training_set("auto")
    return _validation(name, _folder(name))


def test_images() -> Images:
    """All test images, for reports only: choose no setting by them."""
    name = resolve_training_set("auto")
    return _load(name, _folder(name), "test")


def _folder(source: str) -> Path:
    return paths.local_data() if source == "full" else paths.bundled_data()


@lru_cache(maxsize=2)
def _training(source: str, folder: Path) -> Images:
    original = _load(source, folder, "train")
    rest = np.setdiff1d(np.arange(len(original)), validation_rows(original.labels.numpy()))
    return original.take(rest, f"{len(rest):,} training images ({source})")


@lru_cache(maxsize=2)
def _validation(source: str, folder: Path) -> Images:
    original = _load(source, folder, "train")
    rows = validation_rows(original.labels.numpy())
    return original.take(rows, f"{len(rows):,} validation images")


@lru_cache(maxsize=4)
def _load(source: str, folder: Path, split: str) -> Images:
    images = cifar_batches.read(folder, split) if source == "full" else bundled.read(folder, split)
    return replace(images, name=f"{len(images):,} {split} images")
