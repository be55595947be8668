"""State of a training, and its serialisation for resuming."""

import copy
import io
import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from roboreg_core.architecture import Architecture
from roboreg_core.errors import CheckpointError
from roboreg_core.models.resnet import ResNet
from roboreg_core.training.distillation import Teacher
from roboreg_core.training.spec import TrainSpec, learning_rate
from roboreg_core.training.weight_average import WeightAverage

# Format 2 added the moving average, the best epoch and the teacher's SHA-256.
STATE_FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """Log of one epoch.

    `epoch` counts from 1. Losses are mean cross-entropies with the labels in nats, without distillation; accuracies are
    0..1. `seconds` include validation. Validation uses the averaged weights, if there are any.
    """

    epoch: int
    loss: float
    accuracy: float
    learning_rate: float
    seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@dataclass(kw_only=True)
class TrainingState:
    """A training in progress.

    Attributes:
        model: the network that the optimiser trains.
        rate: learning rate, a float32 scalar on the device, so that a captured CUDA graph can read it.
        average: moving average of the weights, if any.
        teacher: teacher for distillation, if any.
        history: one record per epoch.
        best: weights at the highest validation accuracy, on the CPU; None before the first validation.
        best_epoch: number of the epoch of `best`, from 1.
        masks: tensors of the model that keep zeros, and masks of their nonzeros; not saved.
    """

    model: ResNet
    optimiser: torch.optim.Optimizer
    rate: Tensor
    average: WeightAverage | None = None
    teacher: Teacher | None = None
    history: list[EpochRecord] = field(default_factory=list)
    best: dict[str, Tensor] | None = None
    best_epoch: int | None = None
    masks: tuple[tuple[Tensor, Tensor], ...] = ()

    @property
    def result(self) -> ResNet:
        """The network to report: the average if weights are averaged, else `model`."""
        return self.model if self.average is None else self.average.network

    def add(self, record: EpochRecord) -> None:
        """Log an epoch; keep its weights as `best` if its validation accuracy is at least the highest so far."""
        self.history.append(record)
        if record.validation_accuracy is not None and record.validation_accuracy >= self._best_accuracy():
            self.best = {name: value.detach().cpu().clone() for name, value in self.result.state_dict().items()}
            self.best_epoch = record.epoch

    def best_network(self) -> ResNet | None:
        """Network of the best epoch, on the CPU in eval mode; None before the first validation."""
        if self.best is None:
            return None
        network = copy.deepcopy(self.result).to("cpu").eval()
        network.load_state_dict(self.best)
        return network

    def _best_accuracy(self) -> float:
        accuracy = self.history[self.best_epoch - 1].validation_accuracy if self.best_epoch is not None else None
        return -math.inf if accuracy is None else accuracy


def snapshot(state: TrainingState, spec: TrainSpec) -> bytes:
    """Serialise a training and its settings to bytes for `restore`."""
    average = state.average
    content = {
        "format": STATE_FORMAT,
        "spec": spec.to_json(),
        "teacher": _sha256(state),
        **state.model.architecture.stored(),
        "model": state.model.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "average": None if average is None else {"steps": average.steps, "network": average.network.state_dict()},
        "best": state.best,
        "best_epoch": state.best_epoch,
        "history": [asdict(record) for record in state.history],
    }
    buffer = io.BytesIO()
    torch.save(_compact(content), buffer)
    return buffer.getvalue()


def _compact(value: Any) -> Any:
    """Copy views of larger storages, which torch would save whole."""
    if isinstance(value, dict):
        return {key: _compact(entry) for key, entry in value.items()}
    if isinstance(value, Tensor) and value.untyped_storage().nbytes() > value.nbytes:
        return value.clone()
    return value


def restore(state: TrainingState, spec: TrainSpec, saved: bytes) -> None:
    """Load the bytes `saved` by `snapshot` into `state`, a new training with the settings `spec`.

    Raises `CheckpointError`: the snapshot is damaged or from an older format, other settings, another architecture
    or teacher.
    """
    try:
        content: dict[str, Any] = torch.load(io.BytesIO(saved), weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises various errors for damaged files
        raise CheckpointError(
            f"a training must resume from a state that it saved, got {type(error).__name__}; start it again"
        ) from None
    _check_origin(content, state, spec)
    state.model.load_state_dict(content["model"])
    state.optimiser.load_state_dict(content["optimiser"])
    for group in state.optimiser.param_groups:
        group["lr"] = state.rate
    if state.average is not None:
        state.average.network.load_state_dict(content["average"]["network"])
        state.average.steps = content["average"]["steps"]
    state.best, state.best_epoch = content["best"], content["best_epoch"]
    state.history[:] = [EpochRecord(**record) for record in content["history"]]


def _check_origin(content: dict[str, Any], state: TrainingState, spec: TrainSpec) -> None:
    if content.get("format") != STATE_FORMAT:
        raise CheckpointError(
            f"a training must resume from a state of format {STATE_FORMAT}, got {content.get('format')}; start it again"
        )
    trained, own = Architecture.from_json(content.get("architecture")), state.model.architecture
    if trained != own:
        raise CheckpointError(
            f"a training must resume with its architecture, {trained.label}, got {own.label}; give that one or start "
            "it again"
        )
    done = len(content["history"])
    if not _same_epochs(TrainSpec.from_json(content["spec"]), spec, done):
        raise CheckpointError(
            f"a training must resume with the settings of its first {done} epochs, got others; start it again"
        )
    if content["teacher"] != _sha256(state):
        raise CheckpointError(
            f"a training must resume with its teacher, SHA-256 {content['teacher'][:12]}, got another; "
            f"provide that one or start it again"
        )


def _sha256(state: TrainingState) -> str | None:
    return None if state.teacher is None else state.teacher.sha256


def _same_epochs(old: TrainSpec, new: TrainSpec, done: int) -> bool:
    """True if the first `done` epochs of both specs are equal; only their length and decay may differ."""
    if replace(old, epochs=new.epochs, decay_epochs=new.decay_epochs) != new:
        return False
    times = [quarter / 4 for quarter in range(4 * done)]
    return all(math.isclose(learning_rate(old, t), learning_rate(new, t)) for t in times)
