"""Specifications of a dense network to make: a training from scratch, or an uploaded file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roboreg_core import paths
from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.datasets.dataset import CIFAR10, Dataset, dataset_of, images_option
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import relative_work
from roboreg_core.models.normalisation import AUTO, check_normalisation
from roboreg_core.runs.spec import (
    FIXED_SECONDS,
    KIND,
    TEACHER_FACTOR,
    check_sources,
    digest,
    record_work,
    typical_speeds,
)
from roboreg_core.store.names import clean_name

if TYPE_CHECKING:
    from roboreg_core.store.records import Record
    from roboreg_core.training.spec import TrainSpec

# Kind of the job and of its record.
NETWORK = "network"
TRAINED, UPLOADED = "trained", "uploaded"
NAME_LABEL = "a network's name"
# Part of every network's identity. Increment it if a change of the code changes results.
VERSION = 1
DEFAULT_RECIPE = "best"
DEFAULT_BATCH = 128


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """A training from scratch. Raises `SpecError`: a value is invalid.

    Attributes:
        name: name of the network; not part of the identity.
        recipe: a key of `training.spec.RECIPES`, see `training.spec`.
        epochs: passes over the training images, 1..1000.
        seed: seed for the initial weights, the order of images and the augmentation.
        batch_size: images per step, 1..4096.
        architecture: depth, base width and shortcut of the network; its number of classes and image size are ignored,
            since the data set determines them.
        training_set: names the data set and its training images, see `datasets.dataset`.
        device: `auto`, `cpu` or `cuda`; not part of the identity.
    """

    name: str
    epochs: int
    training_set: str
    architecture: Architecture = RESNET20
    recipe: str = DEFAULT_RECIPE
    seed: int = 0
    batch_size: int = DEFAULT_BATCH
    device: str = "auto"

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", clean_name(self.name, NAME_LABEL))
        images = {name: getattr(RESNET20, name) for name in ("n_classes", "image_size")}
        object.__setattr__(self, "architecture", replace(self.architecture, **images))
        check_sources(self.training_set, self.device)
        self.training()

    @property
    def id(self) -> str:
        """Id: hash of everything that determines the resulting network."""
        determines = self.to_json()
        del determines["name"], determines["device"]
        teacher = {"teacher": shipped_digest()} if self.training().distil_weight else {}
        return _identity({**determines, **teacher})

    def training(self) -> TrainSpec:
        """Settings of this training for `training.loop.fit`."""
        from roboreg_core.training.spec import recipe

        return replace(recipe(self.recipe, self.epochs, self.seed), batch_size=self.batch_size)

    def to_json(self) -> dict[str, Any]:
        """JSON object from which `from_json` restores the spec: all attributes, the default architecture left out."""
        plain = {name: value for name, value in asdict(self).items() if name != "architecture"}
        return {"origin": TRAINED, **plain, **self.architecture.stored()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> TrainingSpec:
        """Inverse of `to_json`."""
        architecture = Architecture.from_json(value.get("architecture"))
        return cls(**{**_without_origin(value, TRAINED), "architecture": architecture})

    def command(self, teacher: str = "") -> str:
        """The command line that repeats the training; `teacher` is the SHA-256 of the distillation teacher."""
        option = f" --teacher {teacher[:12]}" if teacher else ""
        return (
            f"python -m roboreg_core train{self.architecture.option} --recipe {self.recipe} --epochs {self.epochs}"
            f"{option} --seed {self.seed} --batch-size {self.batch_size} {images_option(self.training_set)}"
        )


@dataclass(frozen=True, kw_only=True)
class UploadSpec:
    """An uploaded file; its bytes, normalisation and data set determine the network.

    Raises `SpecError`: a value is invalid.

    Attributes:
        name: name of the network; not part of the identity.
        sha256: SHA-256 of the uploaded bytes.
        file_name: name of the file.
        size: size in bytes.
        normalisation: a name in `models.normalisation.NORMALISATIONS` for a file of another project, or `auto` to
            choose the most accurate one.
        training_set: names the data set that it is measured on, see `datasets.dataset`; empty for CIFAR-10.
    """

    name: str
    sha256: str
    file_name: str
    size: int
    normalisation: str = AUTO
    training_set: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", clean_name(self.name, NAME_LABEL))
        check_normalisation(self.normalisation)
        if self.training_set:
            check_sources(self.training_set, "auto")

    @property
    def id(self) -> str:
        """Id: hash of the file's SHA-256, of the normalisation unless it is `auto`, and of the data set."""
        return _identity({"origin": UPLOADED, "sha256": self.sha256, **self._requested})

    @property
    def _requested(self) -> dict[str, str]:
        requested = {} if self.normalisation == AUTO else {"normalisation": self.normalisation}
        return requested | ({"training_set": self.training_set} if self.training_set else {})

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` restores the spec."""
        fields = asdict(self)
        del fields["normalisation"], fields["training_set"]
        return {"origin": UPLOADED, **fields, **self._requested}

    @property
    def dataset(self) -> Dataset:
        """The data set that the network is measured on. Raises `DataError`: it does not exist."""
        return dataset_of(self.training_set) if self.training_set else CIFAR10

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> UploadSpec:
        """Inverse of `to_json`."""
        return cls(**_without_origin(value, UPLOADED))

    @classmethod
    def of(
        cls, content: bytes, file_name: str, name: str, normalisation: str = AUTO, training_set: str = ""
    ) -> UploadSpec:
        """Spec of the upload of a file with the bytes `content`, as a network with this `name`."""
        return cls(
            name=name,
            sha256=hashlib.sha256(content).hexdigest(),
            file_name=file_name,
            size=len(content),
            normalisation=normalisation,
            training_set=training_set,
        )


NetworkSpec = TrainingSpec | UploadSpec


def spec_of(value: dict[str, Any]) -> NetworkSpec:
    """Spec from the JSON spec of a job or a record of kind `NETWORK`."""
    return TrainingSpec.from_json(value) if value.get("origin") == TRAINED else UploadSpec.from_json(value)


def estimate_seconds(spec: NetworkSpec, records: Sequence[Record] = ()) -> float:
    """Estimate how many seconds it takes to make and evaluate a network.

    The speed is that of `measured_speeds(records)`, else that of two typical CPU cores.
    """
    images = dataset_of(spec.training_set) if spec.training_set else CIFAR10
    train, evaluate = measured_speeds(records) or typical_speeds()
    if isinstance(spec, TrainingSpec):
        work = relative_work(images.architecture(spec.architecture))
        train, evaluate = train / work, evaluate / work
    measuring = FIXED_SECONDS / 3 + images.test / evaluate
    if isinstance(spec, UploadSpec):
        return measuring
    seen = spec.epochs * images.training
    return measuring + seen / train * (TEACHER_FACTOR if spec.training().distil_weight else 1)


def measured_speeds(records: Sequence[Record]) -> tuple[float, float] | None:
    """Images per second of training without a teacher and of evaluation, scaled to the default architecture.

    From the newest of your networks and runs among `records` (newest first); None if none of them has both speeds.
    """
    for record in records:
        speed = record.result.get("speed") or {}
        train = speed.get("train" if record.kind == NETWORK else "dense_equivalent")
        if record.kind in (NETWORK, KIND) and not record.recorded and train and speed.get("evaluate"):
            distilled, work = record.kind == NETWORK and "teacher" in record.result, record_work(record)
            return work * float(train) * (TEACHER_FACTOR if distilled else 1), work * float(speed["evaluate"])
    return None


def shipped_digest() -> str:
    """SHA-256 of the example network's weights; empty if its file is missing."""
    try:
        return _digest(f"{paths.checkpoints()}/{paths.SHIPPED}.safetensors")
    except FileNotFoundError:
        return ""


@lru_cache(maxsize=2)
def _digest(path: str) -> str:
    """Read once per process: thousands of records are compared with it."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _identity(determines: dict[str, Any]) -> str:
    return digest({**determines, "kind": NETWORK, "version": VERSION})


def _without_origin(value: dict[str, Any], origin: str) -> dict[str, Any]:
    if value.get("origin") != origin:
        raise SpecError(f"the spec's origin must be {origin}, got {value.get('origin')!r}")
    return {name: each for name, each in value.items() if name != "origin"}
