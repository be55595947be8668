"""Training loop with progress, early stop and resume.

The order of images and the augmentation of an epoch come from a generator seeded by (seed, epoch), so a resumed
training gives the same weights as an uninterrupted one.
"""

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
from roboreg_core.models.resnet import ResNet
from roboreg_core.training.cuda_graphs import RepeatedStep, capture_for
from roboreg_core.training.distillation import check_teacher, prepare_teacher
from roboreg_core.training.spec import TrainSpec, learning_rate
from roboreg_core.training.steps import Batches, EpochTotals, step
from roboreg_core.training.training_state import EpochRecord, TrainingState, restore, snapshot
from roboreg_core.training.weight_average import WeightAverage

__all__ = ["EpochRecord", "StepProgress", "TrainingHooks", "TrainingResult", "fit"]


@dataclass(frozen=True, kw_only=True)
class StepProgress:
    """Progress after a step. It lacks the loss, because reading that would stall a GPU.

    Attributes:
        epoch, epochs: number of the epoch, from 1, and of all epochs.
        step, steps: number of steps done in this epoch, and of all its steps.
        seconds: time since the start of the epoch.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    seconds: float

    @property
    def fraction(self) -> float:
        """Share of the training that is done, 0..1."""
        return (self.epoch - 1 + self.step / self.steps) / self.epochs


@dataclass(frozen=True, kw_only=True)
class TrainingHooks:
    """Optional callbacks of a training.

    Attributes:
        on_epoch: called after each epoch with its record and a function that returns the state for `resume`.
        on_step: called after each step.
        should_stop: called before each step; True ends the training with the state of the last complete epoch.
    """

    on_epoch: Callable[[EpochRecord, Callable[[], bytes]], None] | None = None
    on_step: Callable[[StepProgress], None] | None = None
    should_stop: Callable[[], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """Result of a training; networks are on the CPU in eval mode, with averaged weights if the spec averages them.

    Attributes:
        model: after the last complete epoch.
        best: after the epoch with the highest validation accuracy (the last one on ties); None without validation.
            Decide before testing which of the two is reported.
        best_epoch: number of the epoch of `best`, from 1.
        history: one record per epoch.
        stopped: True if it was stopped before the last epoch.
    """

    model: ResNet
    best: ResNet | None
    best_epoch: int | None
    history: tuple[EpochRecord, ...]
    stopped: bool


def fit(
    model: ResNet,
    images: Images,
    spec: TrainSpec,
    *,
    device: torch.device | str = "cpu",
    validation: Images | None = None,
    teacher: ResNet | None = None,
    keep_zeros: bool = False,
    hooks: TrainingHooks = TrainingHooks(),
    resume: bytes | None = None,
    capture: bool = True,
) -> TrainingResult:
    """Train a copy of `model` on `images`.

    Args:
        model: initial weights.
        images: training images.
        spec: settings of the training.
        device: device of all computation.
        validation: images evaluated after each epoch, which choose the best epoch.
        teacher: network for distillation; ignored if `spec.distil_weight` is 0.
        keep_zeros: keep zero weights of convolutions and the linear layer at zero.
        hooks: callbacks.
        resume: state that an earlier call with the same spec passed to `on_epoch`.
        capture: on a GPU, replay steps as a CUDA graph, see `cuda_graphs.RepeatedStep`.

    Raises `CheckpointError`: `resume` is from another spec or teacher; `SpecError`: the spec needs a teacher and there
    is none that fits.
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
    totals = EpochTotals.zeros(device)
    repeated = RepeatedStep(partial(step, state, spec, totals), capture=capture_for(device) if capture else None)

    def run_step(pixels: Tensor, labels: Tensor, rate: float) -> None:
        state.rate.fill_(rate)
        repeated(pixels, labels)
        if state.average is not None:
            state.average.update(state.model)

    for epoch in range(len(state.history) + 1, spec.epochs + 1):
        started = time.perf_counter()
        before = snapshot(state, spec) if hooks.should_stop is not None else None
        batches = Batches(images, spec, epoch)
        state.model.train()
        totals.clear()
        if not _run_epoch(batches, run_step, spec, epoch, hooks) and before is not None:
            restore(state, spec, before)
            return _result(state, stopped=True)
        state.add(_record(state.result, totals.means(batches), spec, epoch, validation, started))
        if hooks.on_epoch is not None:
            hooks.on_epoch(state.history[-1], lambda: snapshot(state, spec))
    if repeated.failure is not None:
        warnings.warn(f"training steps were launched one by one: {repeated.failure}", RuntimeWarning, stacklevel=2)
    return _result(state, stopped=False)


def _start(model: ResNet, teacher: ResNet | None, spec: TrainSpec, device: torch.device) -> TrainingState:
    """State before the first epoch."""
    if teacher is not None and spec.distil_weight:
        check_teacher(teacher.architecture, model.architecture)
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


def _masks(model: ResNet) -> tuple[tuple[Tensor, Tensor], ...]:
    """Weights of convolutions and the linear layer, and masks of their nonzeros."""
    layers = [module.weight for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    return tuple((weight.detach(), weight.detach() != 0) for weight in layers)


def _result(state: TrainingState, *, stopped: bool) -> TrainingResult:
    return TrainingResult(
        model=state.result.eval().to("cpu"),
        best=state.best_network(),
        best_epoch=state.best_epoch,
        history=tuple(state.history),
        stopped=stopped,
    )


def _run_epoch(
    batches: Batches,
    run_step: Callable[[Tensor, Tensor, float], None],
    spec: TrainSpec,
    epoch: int,
    hooks: TrainingHooks,
) -> bool:
    """Run the steps of an epoch; `run_step` gets pixels, labels and learning rate. Return False if stopped."""
    started, steps = time.perf_counter(), len(batches)
    for number, (pixels, labels) in enumerate(batches):
        if hooks.should_stop is not None and hooks.should_stop():
            return False
        run_step(pixels, labels, learning_rate(spec, epoch - 1 + number / steps))
        if hooks.on_step is not None:
            seconds = time.perf_counter() - started
            hooks.on_step(StepProgress(epoch=epoch, epochs=spec.epochs, step=number + 1, steps=steps, seconds=seconds))
    return True


@torch.inference_mode()
def _record(
    model: ResNet,
    means: tuple[float, float],
    spec: TrainSpec,
    epoch: int,
    validation: Images | None,
    started: float,
) -> EpochRecord:
    """Validate `model` and log an epoch; `means` are its training loss and accuracy, `started` its start time."""
    loss = accuracy = None
    if validation is not None:
        model.eval()
        logits = torch.cat([model(model.prepare(part)).float() for part in validation.pixels.split(500)])
        loss = F.cross_entropy(logits, validation.labels).item()
        accuracy = (logits.argmax(1) == validation.labels).float().mean().item()
    return EpochRecord(
        epoch=epoch,
        loss=means[0],
        accuracy=means[1],
        learning_rate=learning_rate(spec, epoch - 1),
        seconds=time.perf_counter() - started,
        validation_loss=loss,
        validation_accuracy=accuracy,
    )
