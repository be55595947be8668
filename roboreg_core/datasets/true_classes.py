"""True classes of the test images of a data set. Without torch."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from roboreg_core import paths
from roboreg_core.datasets import cifar100_files, manifest, own_images
from roboreg_core.datasets.dataset import CIFAR100, is_own, known_dataset


def test_labels(training_set: str) -> np.ndarray:
    """True classes of a data set's test images in the order of `sources.test_images`, int64 (n,), read-only.

    The labels of a deleted data set are kept for the results of its runs.

    Raises `DataError`: the images are missing or damaged.
    """
    if is_own(training_set):
        return _own(training_set, paths.datasets())
    if training_set == CIFAR100.id:
        return _cifar100(paths.local_data())
    return manifest.test_labels()


@lru_cache(maxsize=8)
def _own(training_set: str, folder: Path) -> np.ndarray:
    del folder  # part of the cache's key only
    return _read_only(own_images.read_labels(known_dataset(training_set), "test"))


@lru_cache(maxsize=2)
def _cifar100(folder: Path) -> np.ndarray:
    return _read_only(cifar100_files.read(folder, "test")[1])


def _read_only(labels: np.ndarray) -> np.ndarray:
    labels.setflags(write=False)
    return labels
