"""Reading and writing of `cifar-10-batches-py`, torchvision's folder of pickles.

The content is checked by SHA-256.
"""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from roboreg_core.datasets import cifar_pickles
from roboreg_core.datasets.cifar10 import CLASSES
from roboreg_core.errors import DataError

if TYPE_CHECKING:
    from roboreg_core.datasets.images import Images

FOLDER = "cifar-10-batches-py"
TRAIN_FILES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_FILES = ("test_batch",)
META_FILE = "batches.meta"
PER_FILE = 10_000
REMEDY = "download the images again: python -m roboreg_core data fetch"

# SHA-256 of the uint8 pixels (n, 3, 32, 32) in the original order, then of the labels as uint8.
CONTENT_SHA256 = {
    "train": "1e91790dbaf241617ca1f29a9aba08eb9a62df84cc90676b47edd05ad2ab3c94",
    "test": "9a4c74f5c8b6f2c4e13d3a1dfb43a5a8cda8a9da515e99fd620d2013a1a6287a",
}


def present(root: Path) -> bool:
    """True if `root` has all files of `cifar-10-batches-py`; their content is not checked."""
    return all((root / FOLDER / name).is_file() for name in (*TRAIN_FILES, *TEST_FILES))


def read(root: Path, split: str) -> Images:
    """Read all `train` or `test` images from `root/cifar-10-batches-py`.

    Raises `DataError`: a file is missing, damaged or contains objects other than arrays, or is not CIFAR-10's.
    """
    from roboreg_core.datasets.images import from_arrays

    names = TRAIN_FILES if split == "train" else TEST_FILES
    entries = [cifar_pickles.read_file(root / FOLDER / name, ("labels",), "CIFAR-10", REMEDY) for name in names]
    pixels = np.concatenate([entry[0] for entry in entries])
    labels = np.concatenate([entry[1] for entry in entries])
    if content_sha256(pixels, labels) != CONTENT_SHA256[split]:
        raise DataError(f"{root / FOLDER} must hold the original CIFAR-10 {split} images, got others; {REMEDY}")
    return from_arrays(split, pixels.transpose(0, 2, 3, 1), labels)


def write(root: Path, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> None:
    """Write both splits, each as (pixels uint8 (n, 3, 32, 32), labels (n,)), as torchvision's files under `root`."""
    folder = root / FOLDER
    folder.mkdir(parents=True)
    for number, name in enumerate(TRAIN_FILES):
        rows = slice(number * PER_FILE, (number + 1) * PER_FILE)
        cifar_pickles.write_file(folder / name, train[0][rows], labels=train[1][rows])
    cifar_pickles.write_file(folder / TEST_FILES[0], test[0], labels=test[1])
    meta = {"label_names": list(CLASSES), "num_cases_per_batch": PER_FILE, "num_vis": 3072}
    (folder / META_FILE).write_bytes(pickle.dumps(meta, protocol=2))


def content_sha256(pixels: np.ndarray, labels: np.ndarray) -> str:
    """SHA-256 of pixels uint8 (n, 3, 32, 32) and labels (n,), to be compared with `CONTENT_SHA256`."""
    digest = hashlib.sha256(np.ascontiguousarray(pixels, dtype=np.uint8).data)
    digest.update(np.asarray(labels, dtype=np.uint8).tobytes())
    return digest.hexdigest()
