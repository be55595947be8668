"""Safe reading of an uploaded network: no code in the file is executed.

Importing this module does not import torch, so that a page can check size and suffix cheaply.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from roboreg_core.errors import CheckpointError, RoboRegError
from roboreg_core.models.file_formats import MAX_BYTES, SUFFIX, SUFFIXES
from roboreg_core.schedules.schedule import PRESETS

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint

__all__ = ["MAX_BYTES", "SUFFIXES", "check_size", "check_suffix", "read"]


def check_size(size: int) -> None:
    """Check the size of an upload in bytes. Raises `CheckpointError`: it is 0 or above `MAX_BYTES`."""
    if size > MAX_BYTES:
        raise CheckpointError(
            f"a network's file must be at most {MAX_BYTES >> 20} MB, got {size / 2**20:,.0f} MB: upload the "
            "weights alone"
        )
    if size <= 0:
        raise CheckpointError("a network's file must hold weights, got an empty one: download it again")


def check_suffix(file_name: str) -> str:
    """The suffix in lower case. Raises `CheckpointError`: it is not one of `SUFFIXES`."""
    suffix = PurePath(file_name).suffix.lower()
    if suffix not in SUFFIXES:
        raise CheckpointError(
            f"a network's file must end in {', '.join(SUFFIXES)}, got {file_name[-80:]!r}: save its state dict as one"
        )
    return suffix


def read(content: bytes, file_name: str) -> Checkpoint:
    """Read the dense network in an uploaded file; its `content` is converted to safetensors.

    Other formats than safetensors are read with `weights_only=True`.

    Raises `CheckpointError`: the file is too large, damaged or unsafe, or holds another network, a pruned network or
    negative variances.
    """
    check_size(len(content))
    suffix, name = check_suffix(file_name), PurePath(file_name).name
    try:
        loaded = _loaded(content, suffix, f"the file {name}")
        _refuse_pruned(loaded)
        _refuse_negative_variances(loaded)
    except RoboRegError:
        raise
    except Exception as error:  # torch raises all kinds of exceptions on malformed tensors
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise CheckpointError(
            f"the file {name} must hold plain tensors of a ResNet-20, got {reason}: save its state dict again"
        ) from None
    return replace(loaded, name=name)


def _loaded(content: bytes, suffix: str, name: str) -> Checkpoint:
    from roboreg_core.models import checkpoints

    if suffix == SUFFIX:
        loaded = checkpoints.from_bytes(content, name)
        return replace(loaded, content=checkpoints.to_bytes(loaded.model))
    _refuse_bomb(content, name)
    return checkpoints.from_foreign(content, name)


def _refuse_bomb(content: bytes, name: str) -> None:
    """Refuse a zip archive (the format of PyTorch files) that unpacks to more than `MAX_BYTES`."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise CheckpointError(f"{name} is damaged ({error}): download it again") from None
    if unpacked > MAX_BYTES:
        raise CheckpointError(
            f"{name} must unpack to at most {MAX_BYTES >> 20} MB, got {unpacked / 2**20:,.0f} MB: it is not a ResNet-20"
        )


def _refuse_pruned(loaded: Checkpoint) -> None:
    schedule = loaded.model.schedule
    if schedule != PRESETS["dense"]:
        raise CheckpointError(
            f"{loaded.name} must hold a dense network, got one pruned to {schedule}: "
            "upload the network that it was pruned from"
        )


def _refuse_negative_variances(loaded: Checkpoint) -> None:
    for key, tensor in loaded.model.state_dict().items():
        if key.endswith("running_var") and bool((tensor < 0).any()):
            raise CheckpointError(
                f"{loaded.name}: {key} must hold variances of at least 0, got {tensor.min().item():g}"
            )
