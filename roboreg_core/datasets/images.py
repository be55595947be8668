"""The value that every other part works on: images and labels in memory, and the fixed splits of CIFAR-10."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
VALIDATION_PER_CLASS = 200


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """Labelled images.

    Attributes:
        name: what they are, for records, e.g. `48,000 training images`.
        pixels: uint8 RGB (n, 3, 32, 32), channels last in memory.
        labels: int64 (n,), 0..9 as in `CLASSES`.
        indices: int64 (n,), each image's place in the original training or test set.
    """

    name: str
    pixels: Tensor
    labels: Tensor
    indices: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Tensor | np.ndarray, name: str) -> Images:
        """The images at `rows`, in that order, under a new name."""
        rows = rows if isinstance(rows, Tensor) else torch.from_numpy(_writable(rows))
        pixels = self.pixels[rows].contiguous(memory_format=torch.channels_last)
        return Images(name=name, pixels=pixels, labels=self.labels[rows], indices=self.indices[rows])

    def to(self, device: torch.device | str) -> Images:
        """The same images on `device`."""
        moved = (tensor.to(device) for tensor in (self.pixels, self.labels, self.indices))
        pixels, labels, indices = moved
        return Images(name=self.name, pixels=pixels, labels=labels, indices=indices)


def from_arrays(name: str, pixels: np.ndarray, labels: np.ndarray, indices: np.ndarray | None = None) -> Images:
    """Make `Images` of uint8 pixels (n, 32, 32, 3) and n labels."""
    if indices is None:
        indices = np.arange(len(labels))
    return Images(
        name=name,
        pixels=torch.from_numpy(_writable(pixels)).permute(0, 3, 1, 2),
        labels=torch.from_numpy(_writable(labels, np.int64)),
        indices=torch.from_numpy(_writable(indices, np.int64)),
    )


def first_of_each_class(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Rows of the first `per_class` images of every class, ascending: how bundle and validation set are chosen."""
    chosen = [np.flatnonzero(labels == label)[:per_class] for label in range(len(CLASSES))]
    return np.sort(np.concatenate(chosen))


def validation_rows(labels: np.ndarray) -> np.ndarray:
    """Rows of the validation split, ascending: the first 200 images of each class, in the original order.

    The same 2,000 images come out whether `labels` are those of all 50,000 training images or of the bundled 12,000.
    """
    return first_of_each_class(labels, VALIDATION_PER_CLASS)


def _writable(array: np.ndarray, dtype: type | None = None) -> np.ndarray:
    # torch warns when it shares the memory of an array that must not be written to; only such an array is copied.
    return np.require(array, dtype, ["C", "W"])
