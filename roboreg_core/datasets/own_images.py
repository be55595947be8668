"""Files of the user's own data sets: a manifest, and pixels and labels of each split. Without torch.

The folder `paths.datasets()/<id>` holds `manifest.json` (see `dataset.Dataset`), and for each split `<split>.npy` with
uint8 pixels (n, size, size, 3) and `<split>_labels.npy` with uint8 labels (n,).
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from roboreg_core import paths
from roboreg_core.datasets.dataset import Dataset, own_folder
from roboreg_core.errors import DataError

SPLITS = ("training", "validation", "test")
_CHUNK = 4_096


def pixels_path(folder: Path, split: str) -> Path:
    """File with the pixels of a split, in the folder of a data set."""
    return folder / f"{split}.npy"


def labels_path(folder: Path, split: str) -> Path:
    """File with the labels of a split, in the folder of a data set."""
    return folder / f"{split}_labels.npy"


def read(dataset: Dataset, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels, uint8 (n, size, size, 3), and labels, int64 (n,), of a split; pixels are memory-mapped copy-on-write.

    Raises `DataError`: a file is missing or damaged, or differs from the manifest.
    """
    path = pixels_path(paths.datasets() / dataset.id, split)
    pixels, labels = _load(path, mmap_mode="c"), read_labels(dataset, split)
    expected = (len(labels), dataset.image_size, dataset.image_size, 3)
    if pixels.shape != expected or pixels.dtype != np.uint8:
        raise DataError(
            f"{path} must hold uint8 pixels of shape {expected}, got {pixels.dtype} {pixels.shape}; {_REMEDY}"
        )
    return pixels, labels


def read_labels(dataset: Dataset, split: str) -> np.ndarray:
    """Labels of a split, int64 (n,), also of a deleted data set.

    Raises `DataError`: the file is missing, damaged, or differs from the manifest.
    """
    path = labels_path(own_folder(dataset.id), split)
    labels = _load(path).astype(np.int64)
    expected = (getattr(dataset, split),)
    if labels.shape != expected or labels.max(initial=0) >= dataset.n_classes:
        raise DataError(f"{path} must hold {expected[0]:,} labels below {dataset.n_classes}, got others; {_REMEDY}")
    return labels


def content_sha256(folder: Path, classes: Sequence[str], image_size: int) -> str:
    """Content hash of a data set: SHA-256 of class names, image size, and the labels and pixels of each split."""
    digest = hashlib.sha256("\n".join([str(image_size), *classes]).encode())
    for split in SPLITS:
        pixels = _load(pixels_path(folder, split), mmap_mode="r")
        digest.update(f"\n{split} {len(pixels)}\n".encode())
        digest.update(np.ascontiguousarray(_load(labels_path(folder, split))).data)
        for start in range(0, len(pixels), _CHUNK):
            digest.update(np.ascontiguousarray(pixels[start : start + _CHUNK]).data)
    return digest.hexdigest()


def verify(dataset: Dataset) -> list[str]:
    """Error messages about the files of a data set; [] if their content has the hash in its manifest."""
    folder = paths.datasets() / dataset.id
    try:
        found = content_sha256(folder, dataset.classes, dataset.image_size)
    except DataError as error:
        return [str(error)]
    if found == dataset.sha256:
        return []
    return [f"{folder} must have content hash {dataset.sha256[:12]}, got {found[:12]}; {_REMEDY}"]


_REMEDY = "delete the data set and add its images again"


def _load(path: Path, mmap_mode: Literal["r", "c"] | None = None) -> np.ndarray:
    try:
        loaded: np.ndarray = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} must be an array of a data set, got {type(error).__name__}; {_REMEDY}") from None
    return loaded
