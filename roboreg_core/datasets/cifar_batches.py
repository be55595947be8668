"""Reading and writing of `cifar-10-batches-py`, torchvision's folder of pickles.

Pickles can run code when loaded, so the unpickler only builds numpy arrays. The content is checked by SHA-256.
"""

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from roboreg_core.datasets.cifar10 import IMAGE_SIZE
from roboreg_core.datasets.images import CLASSES, Images, from_arrays
from roboreg_core.errors import DataError

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

_ALLOWED = {
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        if name == "_reconstruct":
            module = "numpy._core.multiarray"  # its module in numpy 2; older files name numpy.core
        return super().find_class(module, name)


def present(root: Path) -> bool:
    """True if `root` has a complete `cifar-10-batches-py`."""
    return all((root / FOLDER / name).is_file() for name in (*TRAIN_FILES, *TEST_FILES))


def read(root: Path, split: str) -> Images:
    """Read all `train` or `test` images from `root/cifar-10-batches-py`.

    Raises `DataError`: a file is missing, damaged or has other objects than arrays, or the content is not CIFAR-10.
    """
    entries = [_read_file(root / FOLDER / name) for name in (TRAIN_FILES if split == "train" else TEST_FILES)]
    pixels = np.concatenate([entry[0] for entry in entries])
    labels = np.concatenate([entry[1] for entry in entries])
    if content_sha256(pixels, labels) != CONTENT_SHA256[split]:
        raise DataError(f"{root / FOLDER} must hold the original CIFAR-10 {split} images, got others; {REMEDY}")
    return from_arrays(split, pixels.transpose(0, 2, 3, 1), labels)


def write(root: Path, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> None:
    """Write (pixels, labels) of both splits, pixels uint8 (n, 3, 32, 32), as torchvision's files under `root`."""
    folder = root / FOLDER
    folder.mkdir(parents=True)
    for number, name in enumerate(TRAIN_FILES):
        rows = slice(number * PER_FILE, (number + 1) * PER_FILE)
        _write_file(folder / name, train[0][rows], train[1][rows])
    _write_file(folder / TEST_FILES[0], *test)
    meta = {"label_names": list(CLASSES), "num_cases_per_batch": PER_FILE, "num_vis": 3072}
    (folder / META_FILE).write_bytes(pickle.dumps(meta, protocol=2))


def content_sha256(pixels: np.ndarray, labels: np.ndarray) -> str:
    """SHA-256 of uint8 pixels (n, 3, 32, 32) and labels."""
    digest = hashlib.sha256(np.ascontiguousarray(pixels, dtype=np.uint8).data)
    digest.update(np.asarray(labels, dtype=np.uint8).tobytes())
    return digest.hexdigest()


def _read_file(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        entry = _ArrayUnpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
        pixels = np.asarray(entry["data"], dtype=np.uint8).reshape(-1, 3, IMAGE_SIZE, IMAGE_SIZE)
        labels = np.asarray(entry["labels"], dtype=np.int64)
    except Exception as error:  # damaged pickles raise various errors
        raise DataError(
            f"{path} must be a batch file of CIFAR-10, got {type(error).__name__}: {error}; {REMEDY}"
        ) from None
    if len(pixels) != len(labels):
        raise DataError(f"{path} must hold as many labels as images, got {len(labels)} and {len(pixels)}; {REMEDY}")
    return pixels, labels


def _write_file(path: Path, pixels: np.ndarray, labels: np.ndarray) -> None:
    entry = {
        "batch_label": path.name,
        "labels": [int(label) for label in labels],
        "data": np.ascontiguousarray(pixels, dtype=np.uint8).reshape(len(pixels), -1),
    }
    path.write_bytes(pickle.dumps(entry, protocol=2))
