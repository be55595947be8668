"""Which CIFAR-10 images there are, and the three sets everything else asks for: training, validation, test.

A local `cifar-10-batches-py` comes first, the bundled part second. The validation split is the same 2,000 images either
way and never among the training images. Loaded sets stay in memory, shared by all callers: treat them as read-only.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from roboreg_core import paths
from roboreg_core.datasets import bundled, cifar_batches
from roboreg_core.datasets.images import Images, validation_rows
from roboreg_core.errors import DataError

TrainingSet = Literal["auto", "bundled", "full"]
TRAINING_COUNTS = {"bundled": 10_000, "full": 48_000}


def full_is_present() -> bool:
    """True where all 50,000 training images are on this machine."""
    return cifar_batches.present(paths.local_data())


def resolve_training_set(choice: str) -> str:
    """`bundled` or `full`; `auto` means full where it is present. Raises `DataError` on an unknown or absent choice."""
    if choice not in get_args(TrainingSet):
        raise DataError(f"training images must be one of {', '.join(get_args(TrainingSet))}, got {choice!r}")
    if choice == "auto":
        return "full" if full_is_present() else "bundled"
    if choice == "full" and not full_is_present():
        raise DataError(
            f"all 48,000 training images need {paths.local_data() / cifar_batches.FOLDER}, which is absent; "
            "run: python -m roboreg_core data fetch"
        )
    return choice


def training_images(choice: str = "auto") -> Images:
    """The training images, validation split taken out: 48,000 (`full`) or 10,000 (`bundled`)."""
    name = resolve_training_set(choice)
    return _training(name, _folder(name))


def validation_images() -> Images:
    """The 2,000 validation images, 200 a class, which nothing trains on."""
    name = resolve_training_set("auto")
    return _validation(name, _folder(name))


def test_images() -> Images:
    """All 10,000 test images: for the report only, they choose nothing."""
    name = resolve_training_set("auto")
    return _load(name, _folder(name), "test")


def _folder(source: str) -> Path:
    return paths.local_data() if source == "full" else paths.bundled_data()


@lru_cache(maxsize=2)
def _training(source: str, folder: Path) -> Images:
    everything = _load(source, folder, "train")
    rest = np.setdiff1d(np.arange(len(everything)), validation_rows(everything.labels.numpy()))
    return everything.take(rest, f"{len(rest):,} training images ({source})")


@lru_cache(maxsize=2)
def _validation(source: str, folder: Path) -> Images:
    everything = _load(source, folder, "train")
    rows = validation_rows(everything.labels.numpy())
    return everything.take(rows, f"{len(rows):,} validation images")


@lru_cache(maxsize=4)
def _load(source: str, folder: Path, split: str) -> Images:
    images = cifar_batches.read(folder, split) if source == "full" else bundled.read(folder, split)
    return replace(images, name=f"{len(images):,} {split} images")
