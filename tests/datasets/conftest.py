"""A small CIFAR-10 of random images."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from roboreg_core.datasets import cifar_batches, images, sources
from tests.datasets import mosaics

TRAIN_PER_CLASS, TEST_PER_CLASS, BUNDLED_PER_CLASS, VALIDATION_PER_CLASS = 30, 5, 12, 4
Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Little:
    """Small CIFAR-10: `(pixels, labels)` of both splits, pixels uint8 (n, 3, 32, 32)."""

    train: Arrays
    test: Arrays
    bundle: Path

    def write_full(self, root: Path) -> Path:
        cifar_batches.write(root, self.train, self.test)
        return root

    def write_bundle(self, folder: Path) -> Path:
        return Path(shutil.copytree(self.bundle, folder))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Little:
    folder = tmp_path_factory.mktemp("little") / "bundle"
    made = Little(train=_arrays(TRAIN_PER_CLASS, 1), test=_arrays(TEST_PER_CLASS, 2), bundle=folder)
    train, test = (
        images.from_arrays(name, pixels.transpose(0, 2, 3, 1), labels)
        for name, (pixels, labels) in (("train", made.train), ("test", made.test))
    )
    bundled = images.first_of_each_class(train.labels.numpy(), BUNDLED_PER_CLASS)
    mosaics.write(folder, train=train.take(bundled, "train"), test=test)
    return made


@pytest.fixture
def little(made: Little, monkeypatch: pytest.MonkeyPatch) -> Iterator[Little]:
    """300 training and 50 test images, with checksums and split sizes patched to match."""
    monkeypatch.setattr(cifar_batches, "PER_FILE", 60)
    sums = {"train": cifar_batches.content_sha256(*made.train), "test": cifar_batches.content_sha256(*made.test)}
    monkeypatch.setattr(cifar_batches, "CONTENT_SHA256", sums)
    monkeypatch.setattr(images, "VALIDATION_PER_CLASS", VALIDATION_PER_CLASS)
    _forget()
    yield made
    _forget()


def _arrays(per_class: int, seed: int) -> Arrays:
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(10), per_class))
    # Few values, so that they compress fast; each image has its own.
    noise = random.integers(0, 4, (len(labels), 3, 32, 32), dtype=np.uint8)
    return noise * random.integers(1, 80, (len(labels), 3, 1, 1), dtype=np.uint8), labels


def _forget() -> None:
    for cached in (sources._load, sources._training, sources._validation):
        cached.cache_clear()
