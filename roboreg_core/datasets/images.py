"""Labelled images in memory, and the validation split."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from roboreg_core.datasets.cifar10 import CLASSES, VALIDATION_PER_CLASS

__all__ = ["CLASSES", "Images", "first_of_each_class", "from_arrays", "validation_rows"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """Labelled images.

    Attributes:
        name: description for records, e.g. `48,000 training images`.
        pixels: uint8 RGB (n, 3, size, size), channels last in memory.
        labels: indices into `classes`, int64 (n,).
        indices: positions in the original training or test set, int64 (n,).
        classes: class names of the data set.
    """

    name: str
    pixels: Tensor
    labels: Tensor
    indices: Tensor
    classes: tuple[str, ...] = CLASSES

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Tensor | np.ndarray, name: str) -> Images:
        """The images at these indices, in that order; `name` describes them in records."""
        rows = rows if isinstance(rows, Tensor) else torch.from_numpy(_writable(rows))
        pixels = self.pixels[rows].contiguous(memory_format=torch.channels_last)
        return replace(self, name=name, pixels=pixels, labels=self.labels[rows], indices=self.indices[rows])

    def to(self, device: torch.device | str) -> Images:
        """Copy with all tensors on `device`."""
        pixels, labels, indices = (tensor.to(device) for tensor in (self.pixels, self.labels, self.indices))
        return replace(self, pixels=pixels, labels=labels, indices=indices)


def from_arrays(
    name: str,
    pixels: np.ndarray,
    labels: np.ndarray,
    indices: np.ndarray | None = None,
    *,
    classes: tuple[str, ...] = CLASSES,
) -> Images:
    """`Images` from pixels, uint8 (n, size, size, 3), labels (n,), and indices (n,), by default 0..n-1.

    The other arguments are fields of `Images`.
    """
    if indices is None:
        indices = np.arange(len(labels))
    return Images(
        name=name,
        pixels=torch.from_numpy(_writable(pixels)).permute(0, 3, 1, 2),
        labels=torch.from_numpy(_writable(labels, np.int64)),
        indices=torch.from_numpy(_writable(indices, np.int64)),
        classes=classes,
    )


def first_of_each_class(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Indices of the first `per_class` images of each class in `labels`, int (n,), ascending."""
    chosen = [np.flatnonzero(labels == label)[:per_class] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen))


def validation_rows(labels: np.ndarray) -> np.ndarray:
    """Indices of CIFAR-10's validation images, the first of each class in the training `labels`, ascending.

    They are the same images for the labels of all training images and of the bundled part.
    """
    return first_of_each_class(labels, VALIDATION_PER_CLASS)


def _writable(array: np.ndarray, dtype: type | None = None) -> np.ndarray:
    # torch warns about read-only arrays; only these are copied.
    return np.require(array, dtype, ["C", "W"])
