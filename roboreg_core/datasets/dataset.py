"""Data sets: classes, image size, number of images per split and normalisation. Without torch.

A spec names its images by the string `training_set`: `bundled` or `full` for CIFAR-10, `cifar100`, or the id of a
data set that the user imported, which identifies its exact content. The same string gives training, validation and test
images, see `sources`.
"""

import json
import re
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from roboreg_core import paths
from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.datasets import cifar10, cifar100
from roboreg_core.errors import DataError

# The part of CIFAR-10 that is on this machine, before it is resolved.
AUTO = "auto"
MANIFEST = "manifest.json"
# Folders beside those of own data sets: the deleted ones, and of those removed for good, manifest and test labels.
TRASH, REMOVED = ".deleted", ".removed"
FORMAT = 1
PREFIX = "images-"
_OWN = re.compile(rf"{PREFIX}[0-9a-f]{{16}}")
_TUPLES = ("classes", "groups", "mean", "std")
# Means or standard deviations of RGB / 255.
Channels = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set.

    Attributes:
        id: `cifar10`, `cifar100`, or `images-` and 16 hex digits of the content hash of an imported data set.
        name: name shown to users; imported data sets can be renamed.
        classes: class names, in the order of the labels.
        groups: group of each class, e.g. the coarse classes of CIFAR-100; empty without groups.
        image_size: height and width in pixels.
        training, validation, test: number of images per split.
        mean, std: normalisation of networks trained from scratch, statistics of the training images; None for the
            network's default, ImageNet's.
        origin: where the images are from.
        sha256: content hash of an imported data set, else empty.
        created: time of the import, UTC, ISO 8601; empty for CIFAR-10 and CIFAR-100.
        report: the `image_report.ImageReport` of an imported data set as JSON, else {}.
    """

    id: str
    name: str
    classes: tuple[str, ...]
    image_size: int
    training: int
    validation: int
    test: int
    mean: Channels | None = None
    std: Channels | None = None
    groups: tuple[str, ...] = ()
    origin: str = ""
    sha256: str = ""
    created: str = ""
    report: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def architecture(self, base: Architecture = RESNET20) -> Architecture:
        """Copy of `base` with this data set's number of classes and image size."""
        return replace(base, n_classes=self.n_classes, image_size=self.image_size)

    @property
    def is_own(self) -> bool:
        """True if the data set was imported by the user."""
        return is_own(self.id)

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` restores the data set."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Dataset":
        """Inverse of `to_json`. Raises `KeyError`, `TypeError` or `ValueError`: it is no data set of this format."""
        if value["format"] != FORMAT:
            raise ValueError(f"format {value['format']!r}")
        fields = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        tuples = {name: tuple(fields[name]) for name in _TUPLES if fields.get(name) is not None}
        return cls(**{**fields, **tuples})


CIFAR10 = Dataset(
    id="cifar10",
    name="CIFAR-10",
    classes=cifar10.CLASSES,
    image_size=cifar10.IMAGE_SIZE,
    training=cifar10.TRAINING_COUNTS["full"],
    validation=cifar10.VALIDATION_IMAGES,
    test=cifar10.TEST_IMAGES,
    origin="Krizhevsky 2009",
)
CIFAR100 = Dataset(
    id="cifar100",
    name="CIFAR-100",
    classes=cifar100.CLASSES,
    groups=cifar100.GROUPS,
    image_size=cifar100.IMAGE_SIZE,
    training=cifar100.TRAINING_IMAGES,
    validation=cifar100.VALIDATION_IMAGES,
    test=cifar100.TEST_IMAGES,
    mean=cifar100.MEAN,
    std=cifar100.STD,
    origin="Krizhevsky 2009",
)


def is_own(training_set: str) -> bool:
    """True if the string has the form of the id of an imported data set, which need not exist."""
    return _OWN.fullmatch(training_set) is not None


def is_cifar10(training_set: str) -> bool:
    """True for `bundled` and `full`, the training sets of CIFAR-10."""
    return training_set in cifar10.TRAINING_COUNTS


def is_training_set(text: str) -> bool:
    """True for a string that can be the `training_set` of a spec; its images need not exist."""
    return is_cifar10(text) or text == CIFAR100.id or is_own(text)


def dataset_of(training_set: str) -> Dataset:
    """The data set of a spec's `training_set`; for `bundled`, CIFAR-10 with only the bundled images in `training`.

    Raises `DataError`: the string names no data set, or one that does not exist or has a damaged manifest.
    """
    if is_cifar10(training_set):
        return replace(CIFAR10, training=cifar10.TRAINING_COUNTS[training_set])
    if training_set == CIFAR100.id:
        return CIFAR100
    if is_own(training_set):
        return read_dataset(paths.datasets() / training_set)
    raise DataError(
        f"a training set must be {', '.join(cifar10.TRAINING_COUNTS)}, {CIFAR100.id} or the id of a data set, got "
        f"{training_set[:80]!r}; list them: python -m roboreg_core data list"
    )


def known_dataset(training_set: str) -> Dataset:
    """Like `dataset_of`, also for a deleted data set: the results of its runs can still be shown."""
    return read_dataset(own_folder(training_set)) if is_own(training_set) else dataset_of(training_set)


def own_folder(training_set: str) -> Path:
    """Folder of an own data set, which may be deleted; a deleted one holds at least manifest and test labels."""
    root = paths.datasets()
    folders = [parent / training_set for parent in (root, root / TRASH, root / REMOVED)]
    return next((folder for folder in folders if (folder / MANIFEST).exists()), folders[0])


def check_architecture(architecture: Architecture, n_classes: int, image_size: int) -> None:
    """Check that a network has this number of classes and this image size in pixels.

    Raises `DataError`: it has others.
    """
    expected, found = (n_classes, image_size), (architecture.n_classes, architecture.image_size)
    if found != expected:
        words = ["{0} classes and {1} × {1} pixels".format(*each) for each in (expected, found)]
        raise DataError(
            f"the network must be for the data set's {words[0]}, got one for {words[1]}; choose the data set that it "
            "was trained on"
        )


def images_option(training_set: str) -> str:
    """The command-line option that selects these images, e.g. `--images bundled` or `--data cifar100`."""
    return f"--images {training_set}" if is_cifar10(training_set) else f"--data {training_set}"


def images_fact(training_set: str) -> dict[str, str]:
    """`{"training_set": training_set}` to be added to a model card; {} for CIFAR-10, which cards do not name."""
    return {} if is_cifar10(training_set) else {"training_set": training_set}


def name_of(training_set: str) -> str:
    """Name of the data set of a `training_set`, deleted or not; the string itself if it does not exist."""
    try:
        return known_dataset(training_set).name
    except DataError:
        return training_set


def read_dataset(folder: Path) -> Dataset:
    """The imported data set in a folder, from its manifest.

    Raises `DataError`: the manifest does not exist or is damaged.
    """
    path = folder / MANIFEST
    try:
        return _read(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        remedy = "add its images again"
        if (folder.parent / TRASH / folder.name / MANIFEST).exists():
            remedy = f"restore it under Dense networks, or by python -m roboreg_core data restore {folder.name}"
        raise DataError(
            f"data set {folder.name} must be in {folder.parent}, but was deleted or never added; {remedy}"
        ) from None
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} must be the manifest of a data set, got {type(error).__name__}: {str(error)[:80]}; delete the "
            "folder and add the images again"
        ) from None


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> Dataset:
    del changed  # part of the cache's key only
    return Dataset.from_json(json.loads(path.read_bytes()))
