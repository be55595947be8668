"""Safe reading of an uploaded network: no code in the file is executed.

Importing this module does not import torch, so that a page can check the size cheaply.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from roboreg_core.errors import CheckpointError
from roboreg_core.models.file_formats import check_size
from roboreg_core.schedules.schedule import PRESETS

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint


def read(content: bytes, file_name: str) -> Checkpoint:
    """Read the dense network in an uploaded file; its `content` is converted to safetensors.

    Raises `CheckpointError`: the file is too large, damaged or unsafe, or holds another or a pruned network.
    """
    check_size(len(content))
    name = PurePath(file_name).name
    from roboreg_core.models import checkpoints

    loaded = checkpoints.from_bytes(content, f"the file {name}")
    _refuse_pruned(loaded)
    return replace(loaded, name=name, content=checkpoints.to_bytes(loaded.model))


def _refuse_pruned(loaded: Checkpoint) -> None:
    schedule = loaded.model.schedule
    if schedule != PRESETS["dense"]:
        raise CheckpointError(
            f"{loaded.name} must hold a dense network, got one pruned to {schedule}: "
            "upload the network that it was pruned from"
        )
