"""The training loop: one function from a network and a spec to a trained copy, with progress, stop and resume.

Every epoch draws its order of images and its augmentation from a generator seeded by (seed, epoch), so a training that
is stopped and resumed gives the same weights as one that was not.
"""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roboreg_core.datasets.images import Images
from roboreg_core.device import working_on
from roboreg_core.models.resnet import ResNet20
from roboreg_core.training.cuda_graphs import RepeatedStep, recorder
from roboreg_core.training.distillation import prepare_teacher
from roboreg_core.training.spec import TrainSpec, learning_rate
from roboreg_core.training.steps import Batches, EpochTotals, step
from roboreg_core.training.training_state import EpochRecord, TrainingState, restore, snapshot
from roboreg_core.training.weight_average import WeightAverage

__all__ = ["EpochRecord", "StepProgress", "TrainingHooks", "TrainingResult", "fit"]


@dataclass(frozen=True, kw_only=True)
class StepProgress:
    """Where a training is, after each step; `seconds` since the epoch began. No loss: reading it holds up a GPU."""

    epoch: int
    epochs: int
    step: int
    steps: int
    seconds: float

    @property
    def fraction(self) -> float:
        """Done share of the whole training, 0..1."""
        return (self.epoch - 1 + self.step / self.steps) / self.epochs


@dataclass(frozen=True, kw_only=True)
class TrainingHooks:
    """What a caller wants to hear and say while a training runs. Each may be left out.

    Attributes:
        on_epoch: called after each epoch with its record and a function that makes the resumable state as bytes.
        on_step: called after each step.
        should_stop: asked before each step; True ends the training with what the last whole epoch left.
    """

    on_epoch: Callable[[EpochRecord, Callable[[], bytes]], None] | None = None
    on_step: Callable[[StepProgress], None] | None = None
    should_stop: Callable[[], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What a training made. Both networks are on the CPU, in eval mode.

    Attributes:
        model: the network after the last whole epoch: the averaged one where the spec averages weights.
        best: the same after the epoch of the highest validation accuracy, the last of equals; None where nothing was
            validated. For a figure to report, read the test images through one of the two, decided beforehand.
        best_epoch: which epoch that was, counted from 1.
        history: the log of all epochs.
        stopped: whether it was stopped before the last one.
    """

    model: ResNet20
    best: ResNet20 | None
    best_epoch: int | None
    history: tuple[EpochRecord, ...]
    stopped: bool


def fit(
    model: ResNet20,
    images: Images,
    spec: TrainSpec,
    *,
    device: torch.device | str = "cpu",
    validation: Images | None = None,
    teacher: ResNet20 | None = None,
    keep_zeros: bool = False,
    hooks: TrainingHooks = TrainingHooks(),
    resume: bytes | None = None,
    capture: bool = True,
) -> TrainingResult:
    """Train a copy of `model` on `images`.

    Args:
        model: where to start from; not changed.
        images: what to train on.
        spec: every setting.
        device: where to run.
        validation: images to report on after each epoch, and to choose the best one by.
        teacher: network to distil from; not changed, and not looked at where `distil_weight` is 0.
        keep_zeros: whether weights of convolutions and of the linear layer that are zero in `model` stay zero.
        hooks: progress, state and stop.
        resume: state that an earlier call with the same spec handed to `on_epoch`.
        capture: whether steps are replayed as a graph, see `capture.RepeatedStep`; a CPU has none.

    Raises:
        CheckpointError: where `resume` is of another spec or teacher.
        SpecError: where the spec asks for a teacher and there is none.
    """
    device = torch.device(device)
    with working_on(device, same_shapes=True):
        images = images.to(device)
        validation = validation.to(device) if validation is not None else None
        state = _start(model, teacher, spec, device)
        state.masks = _masks(state.model) if keep_zeros else ()
        if resume is not None:
            restore(state, spec, resume)
        return _fit(state, images, spec, validation, hooks, capture=capture)


def _fit(
    state: TrainingState,
    images: Images,
    spec: TrainSpec,
    validation: Images | None,
    hooks: TrainingHooks,
    *,
    capture: bool,
) -> TrainingResult:
    device = images.pixels.device
    sums = EpochTotals.zeros(device)
    repeated = RepeatedStep(partial(step, state, spec, sums), record=recorder(device) if capture else None)

    def change(pixels: Tensor, labels: Tensor, rate: float) -> None:
        state.rate.fill_(rate)
        repeated(pixels, labels)
        if state.average is not None:
            state.average.update(state.model)

    for epoch in range(len(state.history) + 1, spec.epochs + 1):
        started = time.perf_counter()
        before = snapshot(state, spec) if hooks.should_stop is not None else None
        batches = Batches(images, spec, epoch)
        state.model.train()
        sums.clear()
        if not _run_epoch(batches, change, spec, epoch, hooks) and before is not None:
            restore(state, spec, before)
            return _fitted(state, stopped=True)
        state.add(_record(state.result, sums.means(batches), spec, epoch, validation, started))
        if hooks.on_epoch is not None:
            hooks.on_epoch(state.history[-1], lambda: snapshot(state, spec))
    if repeated.failure is not None:
        warnings.warn(f"training steps were launched one by one: {repeated.failure}", RuntimeWarning, stacklevel=2)
    return _fitted(state, stopped=False)


def _start(model: ResNet20, teacher: ResNet20 | None, spec: TrainSpec, device: torch.device) -> TrainingState:
    """A training of a copy of `model` before its first epoch."""
    trained = copy.deepcopy(model).to(device).to(memory_format=torch.channels_last)
    rate = torch.zeros((), device=device)
    return TrainingState(
        model=trained,
        optimiser=torch.optim.SGD(
            trained.parameters(),
            lr=rate,
            momentum=spec.momentum,
            weight_decay=spec.weight_decay,
            nesterov=spec.nesterov,
            fused=True,
        ),
        rate=rate,
        average=WeightAverage.of(trained, spec.average) if spec.average else None,
        teacher=prepare_teacher(teacher, spec, device),
    )


def _masks(model: ResNet20) -> tuple[tuple[Tensor, Tensor], ...]:
    """Weights of convolutions and of the linear layer, and where they are not zero."""
    layers = [module.weight for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    return tuple((weight.detach(), weight.detach() != 0) for weight in layers)


def _fitted(state: TrainingState, *, stopped: bool) -> TrainingResult:
    """What a training hands back."""
    return TrainingResult(
        model=state.result.eval().to("cpu"),
        best=state.best_network(),
        best_epoch=state.best_epoch,
        history=tuple(state.history),
        stopped=stopped,
    )


def _run_epoch(
    batches: Batches, change: Callable[[Tensor, Tensor, float], None], spec: TrainSpec, epoch: int, hooks: TrainingHooks
) -> bool:
    """Run the steps of an epoch: `change` takes pixels, labels and the rate. False where the hook ended it early."""
    started, steps = time.perf_counter(), len(batches)
    for number, (pixels, labels) in enumerate(batches):
        if hooks.should_stop is not None and hooks.should_stop():
            return False
        change(pixels, labels, learning_rate(spec, epoch - 1 + number / steps))
        if hooks.on_step is not None:
            seconds = time.perf_counter() - started
            hooks.on_step(StepProgress(epoch=epoch, epochs=spec.epochs, step=number + 1, steps=steps, seconds=seconds))
    return True


@torch.inference_mode()
def _record(
    model: ResNet20,
    sums: tuple[float, float],
    spec: TrainSpec,
    epoch: int,
    validation: Images | None,
    started: float,
) -> EpochRecord:
    """The log of an epoch that began at `started`; `sums` are its mean loss and accuracy. Validates `model`."""
    loss = accuracy = None
    if validation is not None:
        model.eval()
        logits = torch.cat([model(model.prepare(part)).float() for part in validation.pixels.split(500)])
        loss = F.cross_entropy(logits, validation.labels).item()
        accuracy = (logits.argmax(1) == validation.labels).float().mean().item()
    return EpochRecord(
        epoch=epoch,
        loss=sums[0],
        accuracy=sums[1],
        learning_rate=learning_rate(spec, epoch - 1),
        seconds=time.perf_counter() - started,
        validation_loss=loss,
        validation_accuracy=accuracy,
    )
