"""Reads an uploaded network safely: nothing in the file is ever run, and what is wrong with it is said.

Importing this loads no torch, so that a page may refuse by size and suffix alone.
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
    """Refuse by the number of bytes, before any is read. Raises `CheckpointError` where they are none or too many."""
    if size > MAX_BYTES:
        raise CheckpointError(
            f"a network's file must be at most {MAX_BYTES >> 20} MB, got {size / 2**20:,.0f} MB: it is no ResNet-20; "
            "upload the weights alone"
        )
    if size <= 0:
        raise CheckpointError("a network's file must hold weights, got an empty one: save or download it again")


def check_suffix(file_name: str) -> str:
    """The suffix in small letters. Raises `CheckpointError` where it is none of `SUFFIXES`."""
    suffix = PurePath(file_name).suffix.lower()
    if suffix not in SUFFIXES:
        raise CheckpointError(
            f"a network's file must end in {', '.join(SUFFIXES)}, got {file_name[-80:]!r}: save its state dict as one"
        )
    return suffix


def read(content: bytes, file_name: str) -> Checkpoint:
    """The dense network in an uploaded file, its `content` in our own format whatever the file's.

    Size and suffix are looked at first. safetensors hold only numbers; the others are read with `weights_only=True`.

    Raises:
        CheckpointError: too large, of another suffix, damaged, unsafe, of another network, pruned, or with numbers that
            no network has.
    """
    check_size(len(content))
    suffix, name = check_suffix(file_name), PurePath(file_name).name
    try:
        loaded = _loaded(content, suffix, f"the file {name}")
        _refuse_pruned(loaded)
        _refuse_negative_variances(loaded)
    except RoboRegError:
        raise
    except Exception as error:  # tensors of strange kinds make torch raise what it likes
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise CheckpointError(
            f"the file {name} must hold plain tensors of a ResNet-20, got {reason}; save its state dict again"
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
    """PyTorch files are zip archives: a compressed one may unpack to far more than it weighs."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise CheckpointError(f"{name} must be a whole file, got a damaged one ({error}): download it again") from None
    if unpacked > MAX_BYTES:
        raise CheckpointError(
            f"{name} must unpack to at most {MAX_BYTES >> 20} MB, got {unpacked / 2**20:,.0f} MB: it is no ResNet-20"
        )


def _refuse_pruned(loaded: Checkpoint) -> None:
    schedule = loaded.model.schedule
    if schedule != PRESETS["dense"]:
        raise CheckpointError(
            f"{loaded.name} must hold a dense network, got one pruned to {schedule}: pruning starts from a dense one; "
            "upload the network that this one was made from"
        )


def _refuse_negative_variances(loaded: Checkpoint) -> None:
    for key, tensor in loaded.model.state_dict().items():
        if key.endswith("running_var") and bool((tensor < 0).any()):
            raise CheckpointError(
                f"{loaded.name}: {key} must hold variances of at least 0, got {tensor.min().item():g}; save it again"
            )
