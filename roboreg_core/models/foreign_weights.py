"""Weights of other projects: from what a file holds to a state dict with our names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from roboreg_core.architecture import PROJECTION, RESNET20, ZEROS, Architecture
from roboreg_core.errors import ArchitectureError, CheckpointError, ScheduleError
from roboreg_core.models.file_formats import MAX_ELEMENTS, MAX_TENSORS
from roboreg_core.models.resnet import ResNet
from roboreg_core.models.weight_containers import StateDictCandidate
from roboreg_core.models.weight_names import NoMatch, State, norm_of, to_our_names, without_prefix
from roboreg_core.schedules.schedule import Schedule

_REAL = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
# Counters of weight averaging (torch) and of operations (thop) beside the weights.
_IGNORED = ("n_averaged", "total_ops", "total_params")
# Weights and masks of torch.nn.utils.prune.
_ORIGINAL, _MASK = "_orig", "_mask"
_BLOCK = re.compile(r"layer([1-3])\.(\d+)\.")
_MAX_NAME = 200
_CONV_BIAS = re.compile(r"(conv\d|shortcut\.0)\.bias$")


@dataclass(frozen=True, kw_only=True, eq=False)
class ForeignWeights:
    """Weights of another project, converted.

    Attributes:
        state: state dict for `models.resnet.ResNet`, float32.
        notes: sentences about assumptions and conversions.
        facts: JSON object with `place` (keys that lead to the network in the file) and, where they apply,
            `recorded_accuracy` (0..1), `names` (module names in the file -> in `ResNet`) and `zeros` (share of masked
            weights, 0..1).
    """

    state: State
    notes: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)


def convert(candidate: StateDictCandidate, name: str, *, in_order: bool = True) -> ForeignWeights:
    """Convert a state dict of another project to one for `models.resnet.ResNet`.

    Common prefixes are removed, masks of `torch.nn.utils.prune` applied, biases of convolutions moved into batch norm,
    and tensors renamed.

    Args:
        candidate: the state dict in the file.
        name: subject of error messages.
        in_order: True if its tensors are in the order of the modules' creation, False if in alphabetical order.

    Raises `CheckpointError`: the candidate is not a state dict of dense, finite, real tensors of a CIFAR-style ResNet.
    """
    kept = {key: value for key, value in candidate.entries.items() if not str(key).endswith(_IGNORED)}
    masked, zeros = _masked(without_prefix(plain_tensors(kept, name)), name)
    try:
        state, names = to_our_names(masked, in_order=in_order)
    except NoMatch as error:
        raise CheckpointError(_refusal(error, name)) from None
    notes: list[str] = []
    facts: dict[str, Any] = {"place": candidate.place}
    if candidate.recorded is not None:
        accuracy, entry = candidate.recorded.accuracy, candidate.recorded.name
        notes.append(f"the file records an accuracy of {accuracy:.2%} ({entry})")
        facts["recorded_accuracy"] = accuracy
    if names:
        notes.append(f"names matched by order and shapes: {listed([f'{a} is {b}' for a, b in names.items()], 6)}")
        facts["names"] = names
    if zeros is not None:
        notes.append(f"weights multiplied by their masks: {zeros:.1%} of them are zero")
        facts["zeros"] = zeros
    return ForeignWeights(state=_without_biases(state, name), notes=tuple(notes), facts=facts)


def zero_notes(model: ResNet) -> list[str]:
    """A sentence about filters of the blocks that are zero as a whole and how to remove them; empty if none is."""
    zero = [int((block.conv1.weight == 0).flatten(1).all(1).sum()) for block in model.blocks]
    if not any(zero):
        return []
    blocks = ", ".join(f"{count} in block {number}" for number, count in enumerate(zero, start=1) if count)
    left = ",".join(str(max(width - count, 1)) for width, count in zip(model.schedule, zero, strict=True))
    return [f"filters that are zero as a whole: {blocks}; the schedule {left} with method l1 removes them"]


def plain_tensors(loaded: Mapping[str, Any], name: str) -> State:
    """Convert the tensors of a state dict to dense float32; counters stay integers. `name` is for error messages.

    Raises `CheckpointError`: `loaded` is not a state dict of dense, finite, real tensors, or is too large for a ResNet.
    """
    if len(loaded) > MAX_TENSORS:
        raise CheckpointError(f"{name} must hold at most {MAX_TENSORS:,} tensors, got {len(loaded):,}")
    for key, value in loaded.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise CheckpointError(f"{name} must map names to tensors, got {key!r:.80}: {type(value).__name__}")
        if len(key) > _MAX_NAME:
            raise CheckpointError(
                f"{name}: names must have at most {_MAX_NAME} characters, got {len(key):,}: {key:.60}..."
            )
        _check_layout(key, value, name)
    # Before anything is copied: a view may claim any shape.
    key = max(loaded, key=lambda each: loaded[each].numel())
    if sum(tensor.numel() for tensor in loaded.values()) > MAX_ELEMENTS:
        raise CheckpointError(
            f"{name} must hold a CIFAR-style ResNet of at most {MAX_ELEMENTS:,} parameters, got {key} of shape "
            f"{tuple(loaded[key].shape)}: it is another network"
        )
    return {key: _converted(key, tensor.detach(), name) for key, tensor in loaded.items()}


def _check_layout(key: str, tensor: Tensor, name: str) -> None:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu" or tensor.is_nested:
        kind = "quantised" if tensor.is_quantized else "nested" if tensor.is_nested else str(tensor.layout)
        kind = tensor.device.type if tensor.device.type != "cpu" else kind.removeprefix("torch.")
        raise CheckpointError(f"{name}: {key:.80} must be a dense tensor, got a {kind} one; save it dense")
    integers = _INTEGERS if key.endswith("num_batches_tracked") else (torch.bool,) if key.endswith(_MASK) else ()
    if tensor.dtype not in _REAL + integers:
        raise CheckpointError(
            f"{name}: {key:.80} must hold real floating-point numbers, got {str(tensor.dtype).removeprefix('torch.')}; "
            "save it as float32"
        )


def _converted(key: str, tensor: Tensor, name: str) -> Tensor:
    """Dense copy in float32, checked to be finite; integer counters as they are."""
    value = tensor if tensor.dtype in _INTEGERS else tensor.to(torch.float32)
    if not torch.isfinite(value).all():
        raise CheckpointError(f"{name}: {key:.80} must hold finite numbers, got NaN or infinity")
    if key.endswith("running_var") and bool((value < 0).any()):
        raise CheckpointError(f"{name}: {key:.80} must hold variances of at least 0, got {value.min().item():g}")
    return value.contiguous()


def _masked(state: State, name: str) -> tuple[State, float | None]:
    """The state dict with masks multiplied into their weights, and the share of zeros in these; None without masks."""
    masks = {key: key.removesuffix(_MASK) for key in state if key.endswith(_MASK)}
    for key, weight in masks.items():
        original = state.get(weight + _ORIGINAL)
        if original is None or original.shape != state[key].shape:
            raise CheckpointError(f"{name}: {key:.80} must come with {weight:.80}{_ORIGINAL} of the same shape")
    if not masks:
        return state, None
    products = {weight: state[weight + _ORIGINAL] * state[key] for key, weight in masks.items()}
    merged = {key.removesuffix(_ORIGINAL): value for key, value in state.items() if key not in masks} | products
    nonzero = sum(int(value.count_nonzero()) for value in products.values())
    return merged, 1 - nonzero / max(sum(value.numel() for value in products.values()), 1)


def _without_biases(state: State, name: str) -> State:
    """The state dict with each convolution's bias subtracted from the running mean of its batch norm."""
    biases = {key: f"{norm_of(key.removesuffix('.bias'))}.running_mean" for key in state if _CONV_BIAS.search(key)}
    for key, mean in biases.items():
        if mean not in state or state[mean].shape != state[key].shape:
            raise CheckpointError(f"{name}: {key} must come with {mean} of the same shape")
    kept = {key: value for key, value in state.items() if key not in biases}
    return kept | {mean: state[mean] - state[key] for key, mean in biases.items()}


def _refusal(error: NoMatch, name: str) -> str:
    return f"{name} must hold a CIFAR-style ResNet, got also {listed(error.keys)}{f' ({error})' if str(error) else ''}"


def listed(texts: Sequence[str], most: int = 3) -> str:
    """Join the first `most` texts, cut to 80 characters each, and count the others: `a, b, c and 4 more`."""
    others = len(texts) - most
    return ", ".join(f"{text:.80}" for text in texts[:most]) + (f" and {others:,} more" if others > 0 else "")


def infer_architecture(state: State, name: str) -> Architecture:
    """Infer the architecture from the names and shapes in a state dict for `models.resnet.ResNet`.

    A state dict shows neither image size nor the kind of shortcuts without weights: the default size and option A are
    assumed. `name` is for error messages.

    Raises `CheckpointError`: the stages have different numbers of blocks, or a value is not supported.
    """
    for key, dimensions in (("conv1.weight", 4), ("linear.weight", 2)):
        if key not in state or state[key].ndim != dimensions:
            found = f"shape {tuple(state[key].shape)}" if key in state else "none"
            raise CheckpointError(f"{name} must hold {key} of {dimensions} dimensions, found {found}")
    blocks = {match.groups() for key in state if (match := _BLOCK.match(key))}
    counts = [sum(stage == str(number) for stage, _ in blocks) for number in RESNET20.stages]
    if len(set(counts)) > 1 or not counts[0]:
        raise CheckpointError(
            f"{name} must be a CIFAR-style ResNet with the same number of blocks in each of {len(counts)} stages, got "
            f"{', '.join(map(str, counts))}"
        )
    try:
        return Architecture(
            depth=2 * len(counts) * counts[0] + 2,
            base_width=len(state["conv1.weight"]),
            shortcut=PROJECTION if any(".shortcut." in key for key in state) else ZEROS,
            n_classes=len(state["linear.weight"]),
        )
    except ArchitectureError as error:
        raise CheckpointError(f"{name} must be a CIFAR-style ResNet: {error}") from None


def infer_schedule(state: State, architecture: Architecture, name: str) -> Schedule:
    """Infer the schedule from the shapes of the blocks' first convolutions; `name` is for error messages.

    Raises `CheckpointError`: a block is missing or too wide.
    """
    counts = []
    depth, n_blocks = architecture.depth, architecture.n_blocks
    for block in architecture.blocks:
        stage = architecture.stage_of(block)
        key = f"layer{stage}.{block - architecture.blocks_of(stage)[0]}.conv1.weight"
        if key not in state:
            raise CheckpointError(f"{name} must be a ResNet-{depth} with {n_blocks} blocks, found no {key}")
        if state[key].ndim != 4:
            raise CheckpointError(f"{name}: {key} must have four dimensions, got shape {tuple(state[key].shape)}")
        counts.append(int(state[key].shape[0]))
    try:
        return Schedule(tuple(counts), architecture)
    except ScheduleError as error:
        widths = architecture.stage_widths
        raise CheckpointError(f"{name} must have the widths of a ResNet-{depth} ({widths}): {error}") from None
