"""State dicts of option-A ResNet-20 networks, also from other projects."""

import re
from typing import Any

import torch
from torch import Tensor

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import CheckpointError, ScheduleError
from roboreg_core.models.file_formats import MAX_ELEMENTS, MAX_TENSORS
from roboreg_core.schedules.schedule import Schedule

_BLOCK = re.compile(r"layer([1-3])\.(\d+)\.")
_REAL = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def plain_tensors(loaded: Any, name: str) -> dict[str, Tensor]:
    """The tensors of a state dict as dense float32 tensors, without a `state_dict` wrapper; counters stay integers.

    Raises `CheckpointError`: it is not a state dict of dense, finite, real tensors, or is too large for a ResNet-20.
    """
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict) or not loaded:
        raise CheckpointError(f"{name} must hold a state dict, got {type(loaded).__name__}")
    if len(loaded) > MAX_TENSORS:
        raise CheckpointError(f"{name} must hold at most {MAX_TENSORS:,} tensors, got {len(loaded):,}")
    for key, value in loaded.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise CheckpointError(f"{name} must map names to tensors, got {key!r:.80}: {type(value).__name__}")
        _check_layout(key, value, name)
    # Before anything is copied: a view may claim any shape.
    key = max(loaded, key=lambda each: loaded[each].numel())
    if sum(tensor.numel() for tensor in loaded.values()) > MAX_ELEMENTS:
        raise CheckpointError(
            f"{name} must hold a ResNet-20, got {key} of shape {tuple(loaded[key].shape)}: it is another network"
        )
    return {key: _converted(key, tensor.detach(), name) for key, tensor in loaded.items()}


def to_our_names(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The state dict with our keys: no `module.` prefix, head `linear` not `fc`.

    Raises `CheckpointError`: two keys become one, or it is of a deeper network or one with option-B shortcuts.
    """
    renamed = {re.sub(r"^fc\.", "linear.", key.removeprefix("module.")): value for key, value in state.items()}
    if len(renamed) < len(state):
        raise CheckpointError(f"{name} must name each tensor once, got names that differ in `module.` or `fc` alone")
    _check_blocks(renamed, name)
    return renamed


def infer_schedule(state: dict[str, Tensor], architecture: Architecture, name: str) -> Schedule:
    """Schedule from the shapes of the blocks' first convolutions; `name` is for error messages.

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


def _check_layout(key: str, tensor: Tensor, name: str) -> None:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu" or tensor.is_nested:
        kind = "quantised" if tensor.is_quantized else "nested" if tensor.is_nested else str(tensor.layout)
        kind = tensor.device.type if tensor.device.type != "cpu" else kind.removeprefix("torch.")
        raise CheckpointError(f"{name}: {key:.80} must be a dense tensor, got a {kind} one; save it dense")
    if tensor.dtype not in _REAL and not (_is_counter(key) and tensor.dtype in _INTEGERS):
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


def _is_counter(key: str) -> bool:
    return key.endswith("num_batches_tracked")


def _check_blocks(state: dict[str, Tensor], name: str) -> None:
    blocks = {match.group() for key in state if (match := _BLOCK.match(key))}
    other = next(
        (key for key in state if (match := _BLOCK.match(key)) and int(match[2]) >= RESNET20.blocks_per_stage), None
    )
    if other is not None:
        raise CheckpointError(
            f"{name} must be a ResNet-20 with {RESNET20.n_blocks} blocks, got {other} and {len(blocks)} blocks: it "
            f"looks like a ResNet-{2 * len(blocks) + 2}"
        )
    shortcut = next((key for key in state if ".shortcut." in key or ".downsample." in key), None)
    if shortcut is not None:
        raise CheckpointError(f"{name} must have option-A shortcuts without weights, got {shortcut} (option B)")
