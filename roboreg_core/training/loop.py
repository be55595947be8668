"""The training loop: one function from a network and a spec to a trained copy, with progress, stop and resume.

Every epoch draws its order of images and its augmentation from a generator seeded by (seed, epoch), so a training that
is stopped and resumed gives the same weights as one that was not.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from roboreg_core.data.augment import augment
from roboreg_core.data.images import Images
from roboreg_core.device import keep_freed_memory
from roboreg_core.model.resnet import ResNet20
from roboreg_core.seeding import torch_generator
from roboreg_core.training import fused
from roboreg_core.training.average import Average
from roboreg_core.training.distil import distilled, prepare_teacher
from roboreg_core.training.spec import TrainSpec, learning_rate
from roboreg_core.training.state import EpochRecord, State, restore, snapshot

__all__ = ["EpochRecord", "Fitted", "Hooks", "StepProgress", "fit"]


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
class Hooks:
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
class Fitted:
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
    hooks: Hooks = Hooks(),
    resume: bytes | None = None,
) -> Fitted:
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

    Raises:
        CheckpointError: where `resume` is of another spec or teacher.
        SpecError: where the spec asks for a teacher and there is none.
    """
    device = torch.device(device)
    if device.type == "cpu":
        keep_freed_memory()
    images = images.to(device)
    validation = validation.to(device) if validation is not None else None
    state = _start(model, teacher, spec, device)
    state.masks = _masks(state.model) if keep_zeros else ()
    if resume is not None:
        restore(state, spec, resume)
    for epoch in range(len(state.history) + 1, spec.epochs + 1):
        started = time.perf_counter()
        before = snapshot(state, spec)
        sums = _train_epoch(state, images, spec, epoch, hooks)
        if sums is None:
            restore(state, spec, before)
            return _fitted(state, stopped=True)
        record = _record(state.result, sums, spec, epoch, validation, started)
        state.add(record)
        if hooks.on_epoch is not None:
            hooks.on_epoch(record, lambda: snapshot(state, spec))
    return _fitted(state, stopped=False)


def _start(model: ResNet20, teacher: ResNet20 | None, spec: TrainSpec, device: torch.device) -> State:
    trained = copy.deepcopy(model).to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(
        trained.parameters(),
        lr=spec.learning_rate,
        momentum=spec.momentum,
        weight_decay=spec.weight_decay,
        nesterov=spec.nesterov,
        fused=True,
    )
    return State(
        model=trained,
        optimiser=optimiser,
        average=Average.of(trained, spec.average) if spec.average else None,
        teacher=prepare_teacher(teacher, spec, device),
    )


def _masks(model: ResNet20) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
    layers = [module.weight for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    return tuple((weight.detach(), weight.detach() != 0) for weight in layers)


def _fitted(state: State, *, stopped: bool) -> Fitted:
    return Fitted(
        model=state.result.eval().to("cpu"),
        best=state.best_network(),
        best_epoch=state.best_epoch,
        history=tuple(state.history),
        stopped=stopped,
    )


def _train_epoch(state: State, images: Images, spec: TrainSpec, epoch: int, hooks: Hooks) -> tuple[float, float] | None:
    """Mean cross-entropy and accuracy over the epoch, or None where it was told to stop."""
    device = images.pixels.device
    generator = torch_generator(spec.seed, "epoch", epoch, device=device)
    order = torch.randperm(len(images), generator=generator, device=device)
    # A last small batch would disturb batch norm; its images come again in another epoch.
    batches = [batch for batch in order.split(spec.batch_size) if len(batch) == spec.batch_size] or [order]
    loss_sum = torch.zeros((), device=device)
    right = torch.zeros((), dtype=torch.long, device=device)
    started = time.perf_counter()
    state.model.train()
    for step, batch in enumerate(batches):
        if hooks.should_stop is not None and hooks.should_stop():
            return None
        rate = learning_rate(spec, epoch - 1 + step / len(batches))
        pixels = augment(images.pixels[batch], spec.augmentation, generator)
        loss, hits = _step(state, pixels, images.labels[batch], spec, rate)
        loss_sum += loss
        right += hits
        if hooks.on_step is not None:
            hooks.on_step(
                StepProgress(
                    epoch=epoch,
                    epochs=spec.epochs,
                    step=step + 1,
                    steps=len(batches),
                    seconds=time.perf_counter() - started,
                )
            )
    seen = sum(len(batch) for batch in batches)
    return loss_sum.item() / len(batches), right.item() / seen


def _step(
    state: State, pixels: torch.Tensor, labels: torch.Tensor, spec: TrainSpec, rate: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Change the network once; returns the batch's cross-entropy and how many were right, both on the device."""
    # Before the student's pass, so that the activations of both are never in memory together.
    wanted = state.teacher.logits(pixels) if state.teacher is not None else None
    inputs = state.model.prepare(pixels)
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    logits = _forward(state.model, inputs, spec)
    cross_entropy = F.cross_entropy(logits, labels, label_smoothing=spec.label_smoothing)
    loss = cross_entropy if wanted is None else distilled(cross_entropy, logits, wanted, spec)
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    if spec.clip:
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), spec.clip, foreach=True)
    state.optimiser.step()
    for weight, kept in state.masks:
        weight.mul_(kept)
    if state.average is not None:
        state.average.update(state.model)
    return cross_entropy.detach(), (logits.detach().argmax(1) == labels).sum()


def _forward(model: ResNet20, inputs: torch.Tensor, spec: TrainSpec) -> torch.Tensor:
    """Logits in float32, by the fused kernels where they are for this device and precision."""
    reduced = spec.precision == "bfloat16"
    if reduced and inputs.device.type == "cpu" and fused.kernels() is not None:
        return fused.forward(model, inputs).float()
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=reduced):
        logits: torch.Tensor = model(inputs)
    return logits.float()


@torch.inference_mode()
def _record(
    model: ResNet20,
    sums: tuple[float, float],
    spec: TrainSpec,
    epoch: int,
    validation: Images | None,
    started: float,
) -> EpochRecord:
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
