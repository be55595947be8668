"""Several trainings at once that differ in their seed alone: for a GPU that one small network does not fill.

Their tensors are stacked, (members, ...), and one step changes them all (`torch.func`, `torch.vmap`). Each member is
also an ordinary `State` whose tensors are views of its row: it is validated, saved and taken up again as in `fit`.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, stack_module_state

from roboreg_core.data.images import Images
from roboreg_core.device import working_on
from roboreg_core.errors import CheckpointError, SpecError
from roboreg_core.model.resnet import ResNet20
from roboreg_core.training.capture import Repeated, recorder
from roboreg_core.training.distil import distilled
from roboreg_core.training.loop import Fitted, Hooks, fitted, make_optimiser, masks, record, start, tell_failure, walk
from roboreg_core.training.spec import TrainSpec
from roboreg_core.training.state import State, restore, snapshot
from roboreg_core.training.steps import Batches, Sums, precision_of

MOMENTUM = "momentum_buffer"
# As torch's own clipping has it: a gradient of zero is not divided by zero.
TINY = 1e-6


def fit_together(
    models: Sequence[ResNet20],
    images: Images,
    specs: Sequence[TrainSpec],
    *,
    device: torch.device | str = "cpu",
    validation: Images | None = None,
    teacher: ResNet20 | None = None,
    keep_zeros: bool = False,
    hooks: Sequence[Hooks] = (),
    resume: Sequence[bytes] = (),
    capture: bool = True,
) -> list[Fitted]:
    """Train a copy of each model, all in one; what comes out is what `fit` gives for each, up to rounding.

    Every member draws its own order of images and its own augmentation. Arguments are those of `fit`, of which
    `models`, `specs`, `hooks` and `resume` have one for each member. A member's state is one that `fit` can go on from
    as well. Where one member is told to stop, all stop.

    Raises:
        SpecError: where specs differ in more than their seed, schedules differ, or there is not one of each for all.
        CheckpointError: where states to resume do not fit, or are not all of the same epoch.
    """
    _check(models, specs, hooks, resume)
    device = torch.device(device)
    with working_on(device, same_shapes=True):
        images = images.to(device)
        validation = validation.to(device) if validation is not None else None
        members = [start(model, teacher, spec, device) for model, spec in zip(models, specs, strict=True)]
        for state in members:
            state.masks = masks(state.model) if keep_zeros else ()
        for state, spec, saved in zip(members, specs, resume or (), strict=False):
            restore(state, spec, saved)
        if len({len(state.history) for state in members}) > 1:
            raise CheckpointError(
                "states of trainings to go on together must be of one epoch, got several; resume them one after another"
            )
        return _fit(_stacked(members, specs[0]), images, specs, validation, hooks or [Hooks()] * len(specs), capture)


def _check(
    models: Sequence[ResNet20], specs: Sequence[TrainSpec], hooks: Sequence[Hooks], resume: Sequence[bytes]
) -> None:
    if not specs or len({replace(spec, seed=0) for spec in specs}) > 1:
        raise SpecError(f"trainings together must differ in their seed alone, got {len(specs)} that do not; use fit")
    if len(models) != len(specs) or any(given and len(given) != len(specs) for given in (hooks, resume)):
        raise SpecError(f"trainings together must have one network, hooks and state each, got {len(specs)} settings")
    if len({model.schedule for model in models}) > 1 or len({model.normalisation for model in models}) > 1:
        raise SpecError("trainings together must begin with one schedule and normalisation, got several; use fit")


@dataclass(frozen=True, kw_only=True)
class _Stack:
    """All members as one: tensors (members, ...), and the members whose own tensors are views of them.

    Attributes:
        skeleton: a network whose own tensors are never looked at, in training mode.
        optimiser: changes `parameters`, at the rate that `rate` holds.
        masks: stacked parameters and where they may differ from zero.
    """

    members: list[State]
    skeleton: ResNet20
    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]
    optimiser: torch.optim.SGD
    rate: Tensor
    masks: tuple[tuple[Tensor, Tensor], ...]

    def share_momenta(self) -> None:
        """Give each member's optimiser its row of the momenta, so that its state can be saved."""
        for index, state in enumerate(self.members):
            for name, parameter in state.model.named_parameters():
                momentum = self.optimiser.state[self.parameters[name]].get(MOMENTUM)
                if momentum is not None:
                    state.optimiser.state[parameter][MOMENTUM] = momentum[index]


def _stacked(members: list[State], spec: TrainSpec) -> _Stack:
    parameters, buffers = stack_module_state([state.model for state in members])
    optimiser = make_optimiser(parameters.values(), spec, members[0].rate)
    named = [dict(state.model.named_parameters()) for state in members]
    for name, stacked in parameters.items():
        momenta = [state.optimiser.state[own[name]].get(MOMENTUM) for state, own in zip(members, named, strict=True)]
        if all(momentum is not None for momentum in momenta):
            optimiser.state[stacked][MOMENTUM] = torch.stack(momenta)
    everything = {**parameters, **buffers}
    kept = _stacked_masks(members, parameters)
    skeleton = copy.deepcopy(members[0].model).train()
    for index, state in enumerate(members):
        for name, tensor in (*state.model.named_parameters(), *state.model.named_buffers()):
            tensor.data = everything[name].detach()[index]
        # Made of the tensors as they were; the stacked ones are what counts.
        state.masks = ()
    return _Stack(
        members=members,
        skeleton=skeleton,
        parameters=parameters,
        buffers=buffers,
        optimiser=optimiser,
        rate=members[0].rate,
        masks=kept,
    )


def _stacked_masks(members: list[State], parameters: dict[str, Tensor]) -> tuple[tuple[Tensor, Tensor], ...]:
    if not members[0].masks:
        return ()
    layers = [name for name, _ in _masked(members[0])]
    rows = [[kept for _, kept in _masked(state)] for state in members]
    return tuple(
        (parameters[name].detach(), torch.stack(kept))
        for name, kept in zip(layers, zip(*rows, strict=True), strict=True)
    )


def _masked(state: State) -> list[tuple[str, Tensor]]:
    """Names of the masked weights, and their masks."""
    names = {parameter.data_ptr(): name for name, parameter in state.model.named_parameters()}
    return [(names[weight.data_ptr()], kept) for weight, kept in state.masks]


def _fit(
    stack: _Stack,
    images: Images,
    specs: Sequence[TrainSpec],
    validation: Images | None,
    hooks: Sequence[Hooks],
    capture: bool,
) -> list[Fitted]:
    members, spec, device = stack.members, specs[0], images.pixels.device
    sums = Sums.zeros(device, len(members))
    repeated = Repeated(partial(_step, stack, spec, sums), record=recorder(device) if capture else None)

    def change(pixels: Tensor, labels: Tensor, rate: float) -> None:
        stack.rate.fill_(rate)
        repeated(pixels, labels)
        for state in members:
            if state.average is not None:
                state.average.update(state.model)

    for epoch in range(len(members[0].history) + 1, spec.epochs + 1):
        started = time.perf_counter()
        stoppable = any(hook.should_stop is not None for hook in hooks)
        before = [snapshot(state, own) for state, own in zip(members, specs, strict=True)] if stoppable else []
        batches = [Batches(images, own, epoch) for own in specs]
        sums.clear()
        if not walk(_side_by_side(batches), len(batches[0]), change, spec, epoch, hooks):
            for state, own, saved in zip(members, specs, before, strict=True):
                restore(state, own, saved)
            return [_finished(state, stopped=True) for state in members]
        stack.share_momenta()
        _close_epoch(members, sums.means(batches[0]), specs, epoch, validation, started, hooks)
    tell_failure(repeated)
    return [_finished(state, stopped=False) for state in members]


def _close_epoch(
    members: list[State],
    means: list[tuple[float, float]],
    specs: Sequence[TrainSpec],
    epoch: int,
    validation: Images | None,
    started: float,
    hooks: Sequence[Hooks],
) -> None:
    """Log the epoch in every member; its `seconds` are those of all members together."""
    for state, mean, spec in zip(members, means, specs, strict=True):
        state.add(record(state.result, mean, spec, epoch, validation, started))
    for state, spec, hook in zip(members, specs, hooks, strict=True):
        if hook.on_epoch is not None:
            hook.on_epoch(state.history[-1], partial(snapshot, state, spec))


def _side_by_side(batches: list[Batches]) -> Iterator[tuple[Tensor, Tensor]]:
    """Pixels (members, n, 3, 32, 32) and labels (members, n), a batch of each member's own."""
    for parts in zip(*batches, strict=True):
        yield torch.stack([pixels for pixels, _ in parts]), torch.stack([labels for _, labels in parts])


def _step(stack: _Stack, spec: TrainSpec, sums: Sums, pixels: Tensor, labels: Tensor) -> None:
    """Change all members once: `steps.step` with a dimension more. Pixels (members, n, 3, 32, 32)."""
    count, teacher = len(stack.members), stack.members[0].teacher
    flat = pixels.flatten(0, 1)
    wanted = teacher.logits(flat).unflatten(0, (count, -1)) if teacher is not None else None
    inputs = stack.skeleton.prepare(flat).unflatten(0, (count, -1))

    def forward(parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
        logits: Tensor = functional_call(stack.skeleton, (parameters, buffers), (x,))
        return logits

    with precision_of(spec, pixels.device):
        logits = torch.vmap(forward)(stack.parameters, stack.buffers, inputs)
    logits = logits.float()
    smoothed = partial(F.cross_entropy, label_smoothing=spec.label_smoothing)
    cross_entropy = torch.vmap(smoothed)(logits, labels)
    loss = cross_entropy if wanted is None else distilled(cross_entropy, logits, wanted, spec)
    stack.optimiser.zero_grad(set_to_none=True)
    loss.sum().backward()
    if spec.clip:
        _clip_each(list(stack.parameters.values()), spec.clip)
    stack.optimiser.step()
    for weight, kept in stack.masks:
        weight.mul_(kept)
    sums.loss.add_(cross_entropy.detach())
    sums.right.add_((logits.detach().argmax(2) == labels).sum(1))


def _clip_each(parameters: list[Tensor], longest: float) -> None:
    """Scale each member's gradients down to a norm of `longest` where theirs is longer, in place."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    lengths = torch.stack([torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients])
    scale = (longest / (torch.linalg.vector_norm(lengths, dim=0) + TINY)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.ndim - 1)))


def _finished(state: State, *, stopped: bool) -> Fitted:
    """What `fit` hands back, in memory of its own."""
    for tensor in (*state.model.parameters(), *state.model.buffers()):
        tensor.data = tensor.data.clone()
    return fitted(state, stopped=stopped)
