"""State dicts of option-A ResNet-20 networks from other projects."""

import re
from typing import Any

import torch
from torch import Tensor

from roboreg_core.errors import CheckpointError, ScheduleError
from roboreg_core.schedules.schedule import BLOCKS_PER_STAGE, N_BLOCKS, STAGE_WIDTHS, Schedule

_BLOCK = re.compile(r"layer([1-3])\.(\d+)\.")
# The largest tensor of a ResNet-20 has 36,864 elements.
_MAX_ELEMENTS = 2**24


def to_our_names(loaded: Any, name: str) -> dict[str, Tensor]:
    """State dict in `loaded` with our keys: no `state_dict` wrapper, no `module.` prefix, head `linear` not `fc`.

    `name` is for error messages. Raises `CheckpointError`: it is not a state dict, or of a deeper network or one with
    option-B shortcuts.
    """
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict) or not loaded:
        raise CheckpointError(f"{name} must hold a state dict, got {type(loaded).__name__}")
    state: dict[str, Tensor] = {}
    for key, value in loaded.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise CheckpointError(f"{name} must map names to tensors, got {key!r}: {type(value).__name__}")
        if value.numel() > _MAX_ELEMENTS:  # before it is copied: an expanded view has any shape
            raise CheckpointError(
                f"{name} must hold a ResNet-20, got {key} of shape {tuple(value.shape)}: it is another network"
            )
        renamed = re.sub(r"^fc\.", "linear.", key.removeprefix("module."))
        state[renamed] = value if renamed.endswith("num_batches_tracked") else value.to(torch.float32)
    _check_blocks(state, name)
    return state


def infer_schedule(state: dict[str, Tensor], name: str) -> Schedule:
    """Schedule from the shapes of the blocks' first convolutions; `name` is for error messages.

    Raises `CheckpointError`: a block is missing or too wide.
    """
    counts = []
    for block in range(N_BLOCKS):
        stage, position = divmod(block, BLOCKS_PER_STAGE)
        key = f"layer{stage + 1}.{position}.conv1.weight"
        if key not in state:
            raise CheckpointError(f"{name} must be a ResNet-20 with {N_BLOCKS} blocks, found no {key}")
        counts.append(int(state[key].shape[0]))
    try:
        return Schedule(tuple(counts))
    except ScheduleError as error:
        raise CheckpointError(f"{name} must have the widths of a ResNet-20 ({STAGE_WIDTHS}): {error}") from None


def _check_blocks(state: dict[str, Tensor], name: str) -> None:
    blocks = {match.group() for key in state if (match := _BLOCK.match(key))}
    other = next((key for key in state if (match := _BLOCK.match(key)) and int(match[2]) >= BLOCKS_PER_STAGE), None)
    if other is not None:
        raise CheckpointError(
            f"{name} must be a ResNet-20 with {N_BLOCKS} blocks, got {other} and {len(blocks)} blocks: it looks like a "
            f"ResNet-{2 * len(blocks) + 2}"
        )
    shortcut = next((key for key in state if ".shortcut." in key or ".downsample." in key), None)
    if shortcut is not None:
        raise CheckpointError(f"{name} must have option-A shortcuts without weights, got {shortcut} (option B)")
