"""Training, validation and test images of a data set, named by the `training_set` of a spec.

CIFAR-10 is read from a local `cifar-10-batches-py` or else from the bundled part; its validation split is the same for
both and disjoint from the training images. Loaded images are cached and shared: treat them as read-only.
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from roboreg_core import paths
from roboreg_core.datasets import bundled, cifar10, cifar100, cifar100_files, cifar_batches, own_images
from roboreg_core.datasets.dataset import AUTO, CIFAR10, CIFAR100, dataset_of, is_cifar10, is_own
from roboreg_core.datasets.images import Images, first_of_each_class, from_arrays, validation_rows
from roboreg_core.errors import DataError

TRAINING_COUNTS = cifar10.TRAINING_COUNTS


def full_is_present() -> bool:
    """True if all of CIFAR-10 is on this machine."""
    return cifar_batches.present(paths.local_data())


def resolve_training_set(choice: str) -> str:
    """Resolve a choice of images to the `training_set` of a spec.

    Args:
        choice: `bundled`, `full`, `cifar100`, the id of an imported data set, or `auto` or `cifar10` for
            `full` if it is on this machine, else `bundled`.

    Raises `DataError`: the choice is unknown, or its images are not on this machine.
    """
    if choice in (AUTO, CIFAR10.id):
        return "full" if full_is_present() else "bundled"
    if choice == CIFAR100.id:
        if not cifar100_files.present(paths.local_data()):
            raise DataError(
                f"CIFAR-100 must be on this machine, found none; {cifar100_files.remedy(paths.local_data())}"
            )
    elif is_own(choice):
        dataset_of(choice)
    elif choice not in TRAINING_COUNTS:
        raise DataError(f"training images must be one of {', '.join((AUTO, *TRAINING_COUNTS))}, got {choice!r}")
    elif choice == "full" and not full_is_present():
        raise DataError(
            f"all {TRAINING_COUNTS['full']:,} training images need {paths.local_data() / cifar_batches.FOLDER}, "
            "which is absent; run: python -m roboreg_core data fetch"
        )
    return choice


def training_images(training_set: str = AUTO) -> Images:
    """Training images of a data set, without the validation split; see `resolve_training_set` for the argument."""
    return _images(resolve_training_set(training_set), "training")


def validation_images(training_set: str = AUTO) -> Images:
    """Validation images of a data set, the same for `bundled` and `full`; argument as for `training_images`."""
    return _images(resolve_training_set(_whole(training_set)), "validation")


def test_images(training_set: str = AUTO) -> Images:  # noqa: PT028 - no test
    """All test images of a data set, for reports, never for a choice; argument as for `training_images`."""
    return _images(resolve_training_set(_whole(training_set)), "test")


def _whole(training_set: str) -> str:
    """`auto` for a part of CIFAR-10: validation and test images are the same, wherever they are read from."""
    return AUTO if is_cifar10(training_set) else training_set


def _images(training_set: str, split: str) -> Images:
    """A split of the data set of a resolved `training_set`."""
    if is_own(training_set):
        return _own(training_set, split, paths.datasets())
    folder = paths.bundled_data() if training_set == "bundled" else paths.local_data()
    if split == "test":
        return _load(training_set, folder, "test")
    return _training(training_set, folder) if split == "training" else _validation(training_set, folder)


@lru_cache(maxsize=2)
def _training(source: str, folder: Path) -> Images:
    original = _load(source, folder, "train")
    rest = np.setdiff1d(np.arange(len(original)), _validation_rows(source, original))
    return original.take(rest, f"{len(rest):,} training images ({source})")


@lru_cache(maxsize=2)
def _validation(source: str, folder: Path) -> Images:
    original = _load(source, folder, "train")
    rows = _validation_rows(source, original)
    return original.take(rows, _name(source, len(rows), "validation"))


def _validation_rows(source: str, original: Images) -> np.ndarray:
    labels = original.labels.numpy()
    if source == CIFAR100.id:
        return first_of_each_class(labels, cifar100.VALIDATION_PER_CLASS)
    return validation_rows(labels)


@lru_cache(maxsize=4)
def _load(source: str, folder: Path, split: str) -> Images:
    if source == CIFAR100.id:
        pixels, labels = cifar100_files.read(folder, split)
        images = from_arrays(split, pixels.transpose(0, 2, 3, 1), labels, classes=CIFAR100.classes)
    else:
        images = cifar_batches.read(folder, split) if source == "full" else bundled.read(folder, split)
    return replace(images, name=_name(source, len(images), split))


@lru_cache(maxsize=6)
def _own(training_set: str, split: str, folder: Path) -> Images:
    del folder  # part of the cache's key only
    dataset = dataset_of(training_set)
    pixels, labels = own_images.read(dataset, split)
    name = f"{len(labels):,} {split} images ({training_set})"
    return from_arrays(name, pixels, labels, classes=dataset.classes)


def _name(source: str, count: int, split: str) -> str:
    """Description of images for records; CIFAR-10 is not named."""
    return f"{count:,} {split} images" + ("" if is_cifar10(source) else f" ({source})")
