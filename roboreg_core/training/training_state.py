"""What a training has reached, and how it becomes bytes and is taken up again."""

from __future__ import annotations

import copy
import io
import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from roboreg_core.errors import CheckpointError
from roboreg_core.models.resnet import ResNet20
from roboreg_core.training.distillation import Teacher
from roboreg_core.training.spec import TrainSpec, learning_rate
from roboreg_core.training.weight_average import WeightAverage

# 2: the average, the best epoch and the teacher's SHA-256 came in.
STATE_FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """What one epoch did. Losses are mean cross-entropies in nats; `seconds` include the validation.

    `loss` leaves a teacher out, so that it means the same in every training. Validation is of the averaged network
    where weights are averaged.
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
    """A training after some whole epochs, or within one.

    Attributes:
        model: the network that the optimiser changes.
        rate: the optimiser's learning rate, a float32 scalar on the device: a step reads it there, also a recorded one.
        average: of its weights, where the spec asks for it.
        teacher: where the spec asks for one.
        best: weights of the best epoch, on the CPU; None before the first validation.
        best_epoch: which one that was, counted from 1.
        masks: weights (the model's own tensors) and where they may differ from zero; not saved, made from the start.
    """

    model: ResNet20
    optimiser: torch.optim.Optimizer
    rate: Tensor
    average: WeightAverage | None = None
    teacher: Teacher | None = None
    history: list[EpochRecord] = field(default_factory=list)
    best: dict[str, Tensor] | None = None
    best_epoch: int | None = None
    masks: tuple[tuple[Tensor, Tensor], ...] = ()

    @property
    def result(self) -> ResNet20:
        """The network that counts: the average, or the model where nothing is averaged."""
        return self.model if self.average is None else self.average.network

    def add(self, record: EpochRecord) -> None:
        """Log an epoch, and keep its weights where no epoch before had a higher validation accuracy.

        Of equals the later one stays: it has trained for longer, at a lower rate.
        """
        self.history.append(record)
        if record.validation_accuracy is not None and record.validation_accuracy >= self._best_accuracy():
            self.best = {name: value.detach().cpu().clone() for name, value in self.result.state_dict().items()}
            self.best_epoch = record.epoch

    def best_network(self) -> ResNet20 | None:
        """The best epoch's network on the CPU, in eval mode."""
        if self.best is None:
            return None
        network = copy.deepcopy(self.result).to("cpu").eval()
        network.load_state_dict(self.best)
        return network

    def _best_accuracy(self) -> float:
        accuracy = self.history[self.best_epoch - 1].validation_accuracy if self.best_epoch is not None else None
        return -math.inf if accuracy is None else accuracy


def snapshot(state: TrainingState, spec: TrainSpec) -> bytes:
    """Everything from which `restore` goes on as if nothing had happened."""
    average = state.average
    content = {
        "format": STATE_FORMAT,
        "spec": spec.to_json(),
        "teacher": _sha256(state),
        "model": state.model.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "average": None if average is None else {"steps": average.steps, "network": average.network.state_dict()},
        "best": state.best,
        "best_epoch": state.best_epoch,
        "history": [asdict(record) for record in state.history],
    }
    buffer = io.BytesIO()
    torch.save(_without_neighbours(content), buffer)
    return buffer.getvalue()


def _without_neighbours(value: Any) -> Any:
    """The same with views copied out: torch would save all of the memory that a view looks into."""
    if isinstance(value, dict):
        return {key: _without_neighbours(inner) for key, inner in value.items()}
    if isinstance(value, Tensor) and value.untyped_storage().nbytes() > value.nbytes:
        return value.clone()
    return value


def restore(state: TrainingState, spec: TrainSpec, saved: bytes) -> None:
    """Set `state`, which was made for `spec`, to what `snapshot` wrote.

    Raises `CheckpointError` where that is damaged, of an older format, of other settings or of another teacher.
    """
    try:
        content: dict[str, Any] = torch.load(io.BytesIO(saved), weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises many kinds on damaged files
        raise CheckpointError(
            f"a training must resume from a state that it saved, got {type(error).__name__}; begin it anew"
        ) from None
    _refuse_others(content, state, spec)
    state.model.load_state_dict(content["model"])
    state.optimiser.load_state_dict(content["optimiser"])
    for group in state.optimiser.param_groups:
        group["lr"] = state.rate
    if state.average is not None:
        state.average.network.load_state_dict(content["average"]["network"])
        state.average.steps = content["average"]["steps"]
    state.best, state.best_epoch = content["best"], content["best_epoch"]
    state.history[:] = [EpochRecord(**record) for record in content["history"]]


def _refuse_others(content: dict[str, Any], state: TrainingState, spec: TrainSpec) -> None:
    if content.get("format") != STATE_FORMAT:
        raise CheckpointError(
            f"a training must resume from a state of format {STATE_FORMAT}, got {content.get('format')}; begin it anew"
        )
    done = len(content["history"])
    if not _same_past(TrainSpec.from_json(content["spec"]), spec, done):
        raise CheckpointError(
            f"a training must resume with the settings of its first {done} epochs, got others; begin it anew"
        )
    if content["teacher"] != _sha256(state):
        raise CheckpointError(
            f"a training must resume with the teacher that it began with, SHA-256 {content['teacher'][:12]}, "
            f"got another; give it that one, or begin it anew"
        )


def _sha256(state: TrainingState) -> str | None:
    return None if state.teacher is None else state.teacher.sha256


def _same_past(old: TrainSpec, new: TrainSpec, done: int) -> bool:
    """True where the first `done` epochs of both specs are the same; only length and decay may differ."""
    if replace(old, epochs=new.epochs, decay_epochs=new.decay_epochs) != new:
        return False
    times = [quarter / 4 for quarter in range(4 * done)]
    return all(math.isclose(learning_rate(old, t), learning_rate(new, t)) for t in times)
