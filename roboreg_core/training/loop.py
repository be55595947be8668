"""The training loop: one function from a network and a spec to a trained copy, with progress, stop and resume.

Every epoch draws its order of images and its augmentation from a generator seeded by (seed, epoch), so a training that
is stopped and resumed gives the same weights as one that was not.
"""

from __future__ import annotations

import copy
import io
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F

from roboreg_core.data.augment import augment
from roboreg_core.data.images import Images
from roboreg_core.device import keep_freed_memory
from roboreg_core.errors import CheckpointError
from roboreg_core.model.resnet import ResNet20
from roboreg_core.seeding import torch_generator
from roboreg_core.training.spec import TrainSpec, learning_rate

STATE_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """What one epoch did. Losses are mean cross-entropies in nats; `seconds` include the validation."""

    epoch: int
    loss: float
    accuracy: float
    learning_rate: float
    seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


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
    """A trained network, the log of its epochs, and whether it was stopped before the last one."""

    model: ResNet20
    history: tuple[EpochRecord, ...]
    stopped: bool


@dataclass(kw_only=True)
class _State:
    model: ResNet20
    optimiser: torch.optim.Optimizer
    history: list[EpochRecord] = field(default_factory=list)


def fit(
    model: ResNet20,
    images: Images,
    spec: TrainSpec,
    *,
    device: torch.device | str = "cpu",
    validation: Images | None = None,
    hooks: Hooks = Hooks(),
    resume: bytes | None = None,
) -> Fitted:
    """Train a copy of `model` on `images`.

    Args:
        model: where to start from; not changed.
        images: what to train on.
        spec: every setting.
        device: where to run.
        validation: images to report on after each epoch.
        hooks: progress, state and stop.
        resume: state that an earlier call with the same spec handed to `on_epoch`.

    Raises:
        CheckpointError: where `resume` is of another spec.
    """
    device = torch.device(device)
    if device.type == "cpu":
        keep_freed_memory()
    images = images.to(device)
    validation = validation.to(device) if validation is not None else None
    state = _start(model, spec, device)
    if resume is not None:
        _restore(state, spec, resume)
    for epoch in range(len(state.history) + 1, spec.epochs + 1):
        started = time.perf_counter()
        before = _snapshot(state, spec)
        sums = _train_epoch(state, images, spec, epoch, hooks)
        if sums is None:
            _restore(state, spec, before)
            return _fitted(state, stopped=True)
        record = _record(state.model, sums, spec, epoch, validation, started)
        state.history.append(record)
        if hooks.on_epoch is not None:
            hooks.on_epoch(record, lambda: _snapshot(state, spec))
    return _fitted(state, stopped=False)


def _start(model: ResNet20, spec: TrainSpec, device: torch.device) -> _State:
    trained = copy.deepcopy(model).to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(
        trained.parameters(),
        lr=spec.learning_rate,
        momentum=spec.momentum,
        weight_decay=spec.weight_decay,
        nesterov=spec.nesterov,
        foreach=True,
    )
    return _State(model=trained, optimiser=optimiser)


def _fitted(state: _State, *, stopped: bool) -> Fitted:
    model = state.model.eval().to("cpu")
    return Fitted(model=model, history=tuple(state.history), stopped=stopped)


def _train_epoch(
    state: _State, images: Images, spec: TrainSpec, epoch: int, hooks: Hooks
) -> tuple[float, float] | None:
    """Mean loss and accuracy over the epoch, or None where it was told to stop."""
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
        loss, hits = _step(state, images, batch, spec, rate, generator)
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
    state: _State, images: Images, batch: torch.Tensor, spec: TrainSpec, rate: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    labels = images.labels[batch]
    inputs = state.model.prepare(augment(images.pixels[batch], spec.augmentation, generator))
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=spec.precision == "bfloat16"):
        logits = state.model(inputs)
    logits = logits.float()
    loss = F.cross_entropy(logits, labels, label_smoothing=spec.label_smoothing)
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    state.optimiser.step()
    return loss.detach(), (logits.detach().argmax(1) == labels).sum()


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


def _snapshot(state: _State, spec: TrainSpec) -> bytes:
    buffer = io.BytesIO()
    torch.save(
        {
            "format": STATE_FORMAT,
            "spec": spec.to_json(),
            "model": state.model.state_dict(),
            "optimiser": state.optimiser.state_dict(),
            "history": [asdict(record) for record in state.history],
        },
        buffer,
    )
    return buffer.getvalue()


def _restore(state: _State, spec: TrainSpec, saved: bytes) -> None:
    try:
        content: dict[str, Any] = torch.load(io.BytesIO(saved), weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises many kinds on damaged files
        raise CheckpointError(
            f"a training must resume from a state that it saved, got {type(error).__name__}; begin it anew"
        ) from None
    done = len(content.get("history", []))
    if content.get("format") != STATE_FORMAT or not _same_past(TrainSpec.from_json(content["spec"]), spec, done):
        raise CheckpointError(
            f"a training must resume with the settings of its first {done} epochs, got others; begin it anew"
        )
    state.model.load_state_dict(content["model"])
    state.optimiser.load_state_dict(content["optimiser"])
    state.history[:] = [EpochRecord(**record) for record in content["history"]]


def _same_past(old: TrainSpec, new: TrainSpec, done: int) -> bool:
    """True where the first `done` epochs of both specs are the same; only length and decay may differ."""
    if replace(old, epochs=new.epochs, decay_epochs=new.decay_epochs) != new:
        return False
    times = [quarter / 4 for quarter in range(4 * done)]
    return all(math.isclose(learning_rate(old, t), learning_rate(new, t)) for t in times)
