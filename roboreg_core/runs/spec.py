"""Specification of a run: everything that determines its result, its identity, and an estimate of its duration."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from roboreg_core.architecture import Architecture
from roboreg_core.datasets.dataset import check_architecture, dataset_of, images_option, is_training_set
from roboreg_core.device import cpu_has_bfloat16
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import cost, relative_work
from roboreg_core.paths import SHIPPED
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION, DEFAULT_METHOD
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.training.fine_tuning_presets import DEFAULT_TUNE_PRESET, TUNE_PRESETS
from roboreg_core.training.spec import MAX_SEED

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.pruning.methods import WeightsSpec
    from roboreg_core.pruning.prune import PruneSpec
    from roboreg_core.store.records import Record
    from roboreg_core.training.spec import TrainSpec

KIND = "run"
# Part of every run's identity. Increment it if a change of the code changes results.
METHOD_VERSION = 4
# The fine-tuning fields of a `RunSpec`.
TUNING = ("preset", "epochs", "learning_rate", "batch_size", "distil")
# Duration of a training step with a teacher's forward pass, relative to one without.
TEACHER_FACTOR = 1.25
# Images per second (training, evaluation) on two CPU cores, for estimates before this machine has measured any.
SPEEDS_WITH_BFLOAT16, SPEEDS_WITHOUT = (1_500.0, 3_500.0), (400.0, 1_500.0)
FIXED_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class PruneSettings:
    """Settings under which a dense network is pruned to any schedule.

    Attributes:
        method, recalibrate, calibration: see `pruning.prune.PruneSpec`.
        seed: seed for clustering, drawing calibration images and fine-tuning.
        dense_sha256: SHA-256 of the dense network's weights.
        training_set: names the data set and its training images, see `datasets.dataset`.
    """

    method: str = DEFAULT_METHOD
    recalibrate: bool = False
    calibration: int = DEFAULT_CALIBRATION
    seed: int = 0
    dense_sha256: str
    training_set: str

    def point_id(self, schedule: Schedule) -> str:
        """Id, 16 hex digits, of a schedule pruned under these settings and not fine-tuned."""
        return digest({**PruneSettings.to_json(self), **schedule.stored(), "version": METHOD_VERSION})

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `PruneSettings(**value)` restores the settings."""
        return {name: getattr(self, name) for name in PruneSettings.__dataclass_fields__}

    def pruning(self) -> PruneSpec:
        """The settings of the pruning algorithm. Raises `SpecError`: one is invalid."""
        from roboreg_core.pruning.prune import PruneSpec

        return PruneSpec(method=self.method, recalibrate=self.recalibrate, calibration=self.calibration, seed=self.seed)


@dataclass(frozen=True, kw_only=True)
class RunSpec(PruneSettings):
    """Everything that determines a run's result. Raises `SpecError`: a value is invalid.

    Attributes:
        schedule: filters kept per block, and the architecture; a method that zeroes single weights keeps all.
        dense: name of the dense network; not part of the identity.
        preset: name of a fine-tuning preset (`training.fine_tuning_presets`); the fields below replace its values.
        epochs: epochs of fine-tuning; 0 for none.
        learning_rate, batch_size: settings of fine-tuning.
        distil: True for knowledge distillation from the dense network, False to fine-tune on the labels alone.
        device: `auto`, `cpu` or `cuda`; not part of the identity.
        file: options of the command line for a dense network that was read from a file; not part of the identity.
    """

    schedule: Schedule
    dense: str
    preset: str = DEFAULT_TUNE_PRESET
    epochs: int = TUNE_PRESETS[DEFAULT_TUNE_PRESET].spec.epochs
    learning_rate: float = 0.01
    batch_size: int = 128
    distil: bool = True
    device: str = "auto"
    file: str = ""

    def __post_init__(self) -> None:
        if self.weights() is None:
            self.pruning()
        elif not 0 <= self.seed <= MAX_SEED:
            raise SpecError(f"seed must be 0..{MAX_SEED}, got {self.seed}")
        elif self.recalibrate:
            raise SpecError(f"method {self.method} does not support recalibration: leave it out")
        check_sources(self.training_set, self.device)
        if self.epochs != 0:
            self.tuning()

    @property
    def id(self) -> str:
        """Id of the run: hash of everything that determines its result."""
        return identity(self.to_json(), METHOD_VERSION)

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` restores the spec."""
        value = {**asdict(self), **self.schedule.stored()}
        if not self.file:
            del value["file"]
        return value

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> RunSpec:
        """Inverse of `to_json`."""
        settings = {name: each for name, each in value.items() if name != "architecture"}
        return cls(**{**settings, "schedule": Schedule.from_stored(value)})

    def weights(self) -> WeightsSpec | None:
        """Settings of weight pruning if the method zeroes single weights; None if it removes filters."""
        from roboreg_core.pruning.methods import parse_weights

        return parse_weights(self.method)

    def tuning(self) -> TrainSpec:
        """Settings of fine-tuning for `training.loop.fit`; only if the spec's `epochs` is at least 1."""
        from roboreg_core.training.fine_tuning_presets import tune_preset

        preset = tune_preset(self.preset, self.seed, self.epochs)
        return replace(
            preset,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            distil_weight=preset.distil_weight if self.distil else 0.0,
        )

    def command(self) -> str:
        """The command line that reproduces this run."""
        options = [f"--method {self.method}", "--recalibrate" if self.recalibrate else "--no-recalibrate"]
        options += [f"--calibration {self.calibration}", f"--seed {self.seed}", images_option(self.training_set)]
        options += [f"--preset {self.preset}", f"--epochs {self.epochs}", f"--learning-rate {self.learning_rate:g}"]
        options += [f"--batch-size {self.batch_size}", "--distil" if self.distil else "--no-distil"]
        if self.file:
            options.append(self.file)
        elif self.dense != SHIPPED:
            options.append(f"--from {shlex.quote(self.dense)}")
        return f"python -m roboreg_core run {self.schedule} {' '.join(options)}"


def digest(determines: dict[str, Any]) -> str:
    """Id of a result: 16 hex digits of the SHA-256 of `determines`, a JSON object of everything that determines it."""
    text = json.dumps(determines, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def identity(spec: dict[str, Any], version: int) -> str:
    """Id of a run from its spec (`RunSpec.to_json`) and a `METHOD_VERSION`."""
    determines = {**spec, "version": version}
    del determines["device"], determines["dense"]
    determines.pop("file", None)
    return digest(determines)


def method_version(record: Record) -> int | None:
    """The `METHOD_VERSION` under which a run was made, found by recomputing its id; None if no version yields it."""
    versions = range(METHOD_VERSION, 0, -1)
    return next((version for version in versions if identity(record.spec, version) == record.id), None)


def check_sources(training_set: str, device: str) -> None:
    """Check the names of a training set and a device. Raises `SpecError`: one is unknown."""
    if not is_training_set(training_set):
        raise SpecError(
            f"training images must be bundled, full, cifar100 or the id of a data set, got {training_set[:80]!r}"
        )
    if device.partition(":")[0] not in ("auto", "cpu", "cuda"):
        raise SpecError(f"device must be auto, cpu or cuda, got {device!r}")


def preset_fields(name: str) -> dict[str, Any]:
    """The fields of a `RunSpec` that the fine-tuning preset `name` sets, with their values.

    Raises `SpecError`: there is no such preset.
    """
    from roboreg_core.training.fine_tuning_presets import tune_preset

    preset = tune_preset(name)
    return {
        "preset": name,
        "epochs": preset.epochs,
        "learning_rate": preset.learning_rate,
        "batch_size": preset.batch_size,
    }


def spec_for(schedule: Schedule, checkpoint: Checkpoint, training_set: str = "auto", **settings: Any) -> RunSpec:
    """Specify a run that starts from `checkpoint`.

    Args:
        schedule: filters kept per block.
        checkpoint: the dense network.
        training_set: a choice of images as for `datasets.sources.resolve_training_set`.
        settings: other fields of `RunSpec`.

    Raises `SpecError`: a setting is invalid; `DataError`: see `images_for`; `ScheduleError`: the network has fewer
    filters.
    """
    spec = RunSpec(
        schedule=schedule,
        dense=checkpoint.name,
        dense_sha256=checkpoint.sha256,
        training_set=images_for(checkpoint, training_set),
        **settings,
    )
    if spec.weights() is None:
        schedule.check_within(checkpoint.model.schedule)
    return spec


def images_for(checkpoint: Checkpoint, training_set: str) -> str:
    """Resolve a choice of images, see `datasets.sources.resolve_training_set`, and check that they fit the network.

    Raises `DataError`: the images are absent, or differ from the network in number of classes or image size.
    """
    from roboreg_core.datasets.sources import resolve_training_set

    resolved = resolve_training_set(training_set)
    dataset = dataset_of(resolved)
    check_architecture(checkpoint.model.architecture, dataset.n_classes, dataset.image_size)
    return resolved


def typical_speeds() -> tuple[float, float]:
    """Images per second of training without a teacher and of evaluation, on two typical CPU cores."""
    return SPEEDS_WITH_BFLOAT16 if cpu_has_bfloat16() else SPEEDS_WITHOUT


def record_work(record: Record) -> float:
    """MACs of the dense network of a record (of a run or a network), relative to those of the default architecture."""
    stored = record.result if record.kind != KIND else record.spec
    return relative_work(Architecture.from_json(stored.get("architecture")))


def estimate_seconds(spec: RunSpec, records: Sequence[Record] = ()) -> float:
    """Estimate a run's duration in seconds from the speed of your newest run in `records`, scaled by MACs.

    `records` are newest first. Without a measured speed, that of two typical CPU cores is used.
    """
    train, evaluate = typical_speeds()
    images, work = dataset_of(spec.training_set), relative_work(spec.schedule.architecture)
    share = 1.0 if spec.weights() is not None else cost(spec.schedule).macs / cost(spec.schedule.dense).macs
    timed = [record for record in records if not record.recorded and record.kind == KIND]
    last = next((record for record in timed if record.result.get("speed", {}).get("dense_equivalent")), None)
    if last is not None:
        speed = last.result["speed"]
        train, evaluate = (record_work(last) * speed[name] for name in ("dense_equivalent", "evaluate"))
    train, evaluate = train / work, evaluate / work
    # Half of a step's time is independent of the widths: batch norm, additions, augmentation.
    tuning = spec.epochs * images.training / train * (0.5 + 0.5 * share)
    if spec.distil:
        tuning *= TEACHER_FACTOR
    stages = 3 if spec.epochs else 2
    return FIXED_SECONDS + stages * images.test / evaluate + tuning
