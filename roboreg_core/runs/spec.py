"""What a run is: everything that determines its result, and how long it will take."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from roboreg_core.device import cpu_has_bfloat16
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import cost
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION
from roboreg_core.schedules.schedule import PRESETS, Schedule

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.pruning.methods import WeightsSpec
    from roboreg_core.pruning.prune import PruneSpec
    from roboreg_core.store.records import Record
    from roboreg_core.training.spec import TrainSpec

KIND = "run"
# Part of every run's identity: raise it where a change of the code changes results.
METHOD_VERSION = 4
DEFAULT_PRESET = "quick"
DEFAULT_EPOCHS = 4
# The fields of a `RunSpec` that say how it is fine-tuned.
TUNING = ("preset", "epochs", "learning_rate", "batch_size", "distil")
# What a step with a teacher takes, the teacher's pass included, in steps without.
TEACHER_SHARE = 1.25
# Images a second of two CPU cores, for estimates before anything was measured on this machine: (trained on, evaluated).
SPEEDS_WITH_BFLOAT16, SPEEDS_WITHOUT = (1_500.0, 3_500.0), (400.0, 1_500.0)
FIXED_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """All that determines a run's result.

    Attributes:
        schedule: clusters a block.
        method, recalibrate, calibration: how to prune, see `pruning.prune.PruneSpec`; or single weights, see
            `pruning.method.WeightsSpec`: the network then keeps all its filters.
        preset: of fine-tuning, see `training.presets`; the settings below take the place of its own.
        epochs: of fine-tuning; 0 leaves it out.
        seed: of clustering, calibration images and fine-tuning.
        dense, dense_sha256: name and weights of the dense network.
        training_set: `bundled` (10,000 images) or `full` (48,000).
        learning_rate, batch_size: of fine-tuning.
        distil: whether fine-tuning learns from the dense network's answers, or from the labels alone.
        device: `auto`, `cpu` or `cuda`; not part of the identity.
    """

    schedule: Schedule
    dense: str
    dense_sha256: str
    training_set: str
    method: str = "refit"
    recalibrate: bool = False
    calibration: int = DEFAULT_CALIBRATION
    preset: str = DEFAULT_PRESET
    epochs: int = DEFAULT_EPOCHS
    seed: int = 0
    learning_rate: float = 0.01
    batch_size: int = 128
    distil: bool = True
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.weights() is None:
            self.pruning()
        elif not 0 <= self.seed < 2**31:
            raise SpecError(f"seed must be 0..{2**31 - 1}, got {self.seed}")
        elif self.recalibrate:
            raise SpecError(f"method {self.method} takes no recalibration, got some; leave it out")
        if self.training_set not in ("bundled", "full"):
            raise SpecError(f"training images must be bundled or full, got {self.training_set!r}")
        if self.device.partition(":")[0] not in ("auto", "cpu", "cuda"):
            raise SpecError(f"device must be auto, cpu or cuda, got {self.device!r}")
        if self.epochs != 0:
            self.tuning()

    @property
    def id(self) -> str:
        """Identity: the first 16 hex digits of the SHA-256 of everything that determines the result."""
        return identity(self.to_json(), METHOD_VERSION)

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal spec."""
        return {**asdict(self), "schedule": self.schedule.to_json()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> RunSpec:
        """Read what `to_json` wrote."""
        return cls(**{**value, "schedule": Schedule.from_json(value["schedule"])})

    def pruning(self) -> PruneSpec:
        """The settings of pruning, where it is not of single weights."""
        from roboreg_core.pruning.prune import PruneSpec

        return PruneSpec(method=self.method, recalibrate=self.recalibrate, calibration=self.calibration, seed=self.seed)

    def weights(self) -> WeightsSpec | None:
        """Which single weights become zero, where the method is not one that drops filters."""
        from roboreg_core.pruning.methods import parse_weights

        return parse_weights(self.method)

    def tuning(self) -> TrainSpec:
        """The settings of fine-tuning, for `epochs` of at least 1."""
        from roboreg_core.training.fine_tuning_presets import tune_preset

        preset = tune_preset(self.preset, self.seed)
        return replace(
            preset,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            warmup_epochs=min(preset.warmup_epochs, self.epochs / 8),
            distil_weight=preset.distil_weight if self.distil else 0.0,
        )

    def command(self) -> str:
        """The command line that repeats this run."""
        options = [f"--method {self.method}", "--recalibrate" if self.recalibrate else "--no-recalibrate"]
        options += [f"--calibration {self.calibration}", f"--seed {self.seed}", f"--images {self.training_set}"]
        options += [f"--preset {self.preset}", f"--epochs {self.epochs}", f"--learning-rate {self.learning_rate:g}"]
        options += [f"--batch-size {self.batch_size}", "--distil" if self.distil else "--no-distil"]
        if self.dense != "dense":
            options.append(f"--from {shlex.quote(self.dense)}")
        return f"python -m roboreg_core run {self.schedule} {' '.join(options)}"


def identity(spec: dict[str, Any], version: int) -> str:
    """The identity of a run with this spec, as `RunSpec.to_json` wrote it, under a version of the method."""
    determines = {**spec, "version": version}
    del determines["device"], determines["dense"]
    text = json.dumps(determines, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def method_version(record: Record) -> int | None:
    """The version under which a run was made: the one that gives its spec its identity; None where none does."""
    versions = range(METHOD_VERSION, 0, -1)
    return next((version for version in versions if identity(record.spec, version) == record.id), None)


def of_preset(name: str) -> dict[str, Any]:
    """The fields of a `RunSpec` that a preset of fine-tuning sets. Raises `SpecError` on an unknown name."""
    from roboreg_core.training.fine_tuning_presets import tune_preset

    preset = tune_preset(name)
    return {
        "preset": name,
        "epochs": preset.epochs,
        "learning_rate": preset.learning_rate,
        "batch_size": preset.batch_size,
    }


def spec_for(schedule: Schedule, checkpoint: Checkpoint, training_set: str = "auto", **settings: Any) -> RunSpec:
    """A spec that starts from `checkpoint`; `training_set` may be `auto`."""
    from roboreg_core.datasets.sources import resolve_training_set

    return RunSpec(
        schedule=schedule,
        dense=checkpoint.name,
        dense_sha256=checkpoint.sha256,
        training_set=resolve_training_set(training_set),
        **settings,
    )


def usual_speeds() -> tuple[float, float]:
    """Images a second that two CPU cores like this machine's train on, without a teacher, and evaluate."""
    return SPEEDS_WITH_BFLOAT16 if cpu_has_bfloat16() else SPEEDS_WITHOUT


def estimate_seconds(spec: RunSpec, records: Sequence[Record] = ()) -> float:
    """How long a run will take, from the newest run's measured speed, scaled by MACs; else from two CPU cores."""
    from roboreg_core.datasets.sources import TRAINING_COUNTS

    train, evaluate = usual_speeds()
    share = 1.0 if spec.weights() is not None else cost(spec.schedule).macs / cost(PRESETS["dense"]).macs
    own = [record.result for record in records if not record.recorded and record.kind == KIND]
    speed = next((result["speed"] for result in own if result.get("speed", {}).get("dense_equivalent")), None)
    if speed is not None:
        train, evaluate = speed["dense_equivalent"], speed["evaluate"]
    # Half of a step's time does not shrink with the widths: batch norm, additions, augmentation.
    tuning = spec.epochs * TRAINING_COUNTS[spec.training_set] / train * (0.5 + 0.5 * share)
    if spec.distil:
        tuning *= TEACHER_SHARE
    stages = 3 if spec.epochs else 2
    return FIXED_SECONDS + stages * 10_000 / evaluate + tuning
