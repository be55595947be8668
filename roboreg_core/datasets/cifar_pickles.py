"""Pickled files of images and labels, as `cifar-10-batches-py` and `cifar-100-python` hold them. Without torch.

Pickles can run code when loaded, so the unpickler only builds numpy arrays.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from roboreg_core.datasets.cifar10 import IMAGE_SIZE
from roboreg_core.errors import DataError

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


def read_file(path: Path, keys: tuple[str, ...], dataset: str, remedy: str) -> tuple[np.ndarray, ...]:
    """Read a pickled file of images and labels.

    Args:
        path: path of the file.
        keys: keys of the lists of labels in it, e.g. `labels` or `fine_labels`.
        dataset: name of the data set, for error messages.
        remedy: how to solve the problem, the end of error messages.

    Returns:
        Pixels uint8 (n, 3, 32, 32), then the labels int64 (n,) of each key.

    Raises `DataError`: the file is missing, damaged or contains objects other than arrays.
    """
    try:
        entry = _ArrayUnpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
        pixels = np.asarray(entry["data"], dtype=np.uint8).reshape(-1, 3, IMAGE_SIZE, IMAGE_SIZE)
        labels = [np.asarray(entry[key], dtype=np.int64) for key in keys]
    except Exception as error:  # damaged pickles raise various errors
        raise DataError(
            f"{path} must be a batch file of {dataset}, got {type(error).__name__}: {error}; {remedy}"
        ) from None
    for each in labels:
        if len(pixels) != len(each):
            raise DataError(f"{path} must hold as many labels as images, got {len(each)} and {len(pixels)}; {remedy}")
    return pixels, *labels


def write_file(path: Path, pixels: np.ndarray, **labels: np.ndarray) -> None:
    """Write a pickled file of pixels, uint8 (n, 3, 32, 32), and labels (n,), each list under its keyword's name."""
    entry = {
        "batch_label": path.name,
        **{key: [int(label) for label in each] for key, each in labels.items()},
        "data": np.ascontiguousarray(pixels, dtype=np.uint8).reshape(len(pixels), -1),
    }
    path.write_bytes(pickle.dumps(entry, protocol=2))
