"""Reading of `cifar-100-python`, torchvision's folder of pickles. Without torch."""

from pathlib import Path

import numpy as np

from roboreg_core.datasets import cifar100, cifar_pickles
from roboreg_core.datasets.dataset import CIFAR100
from roboreg_core.errors import DataError

FOLDER = "cifar-100-python"
FILES = ("train", "test")
_COARSE = tuple(cifar100.COARSE_CLASSES)


def remedy(root: Path) -> str:
    """Text for the end of error messages: how to provide the files in the folder `root`."""
    return f"download CIFAR-100 (python -m roboreg_core data fetch cifar100), or {by_hand(root)}"


def by_hand(root: Path) -> str:
    """Text: how to provide the files in the folder `root` without a download."""
    return f"put the files {' and '.join(FILES)} of cifar-100-python.tar.gz into {root / FOLDER}"


def present(root: Path) -> bool:
    """True if `root` has `cifar-100-python` with the files of both splits; their content is not checked."""
    return all((root / FOLDER / name).is_file() for name in FILES)


def read(root: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read all `train` or `test` images from `root/cifar-100-python`.

    Returns:
        Pixels uint8 (n, 3, 32, 32) and fine labels, int64 (n,).

    Raises `DataError`: the file is missing, damaged, contains objects other than arrays, or is not CIFAR-100.
    """
    path = root / FOLDER / split
    pixels, fine, coarse = cifar_pickles.read_file(path, ("fine_labels", "coarse_labels"), CIFAR100.name, remedy(root))
    expected = np.array([_COARSE.index(group) for group in cifar100.GROUPS])
    in_range = len(fine) > 0 and fine.min() >= 0 and fine.max() < CIFAR100.n_classes
    counts = np.bincount(fine, minlength=CIFAR100.n_classes) if in_range else np.zeros(CIFAR100.n_classes, np.int64)
    if (counts != cifar100.PER_CLASS[split]).any():
        raise DataError(
            f"{path} must hold {cifar100.PER_CLASS[split]} images of each of {CIFAR100.n_classes} classes, got "
            f"{counts.min()}..{counts.max()}; {remedy(root)}"
        )
    if (expected[fine] != coarse).any():
        raise DataError(f"{path} must hold CIFAR-100's coarse label of each fine one, got others; {remedy(root)}")
    return pixels, fine
