"""Safe reading of an uploaded network: no code in the file is executed.

Importing this module does not import torch, so that a page can check the size cheaply.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from roboreg_core.architecture import RESNET20
from roboreg_core.models.file_formats import check_size

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint


def read(content: bytes, file_name: str) -> Checkpoint:
    """Read the network in an uploaded file with the bytes `content`.

    In the returned checkpoint, `content` is the network converted to safetensors.

    Raises `CheckpointError`: the file is too large, damaged or unsafe, or holds no network of a supported architecture.
    """
    check_size(len(content))
    name = PurePath(file_name).name
    from roboreg_core.models import checkpoints

    loaded = checkpoints.from_bytes(content, f"the file {name}")
    schedule = loaded.model.schedule
    pruned = () if schedule.is_dense else (f"a pruned network, which runs prune further: {schedule}",)
    return replace(loaded, name=name, content=checkpoints.to_bytes(loaded.model), notes=(*loaded.notes, *pruned))


def description(loaded: Checkpoint) -> str:
    """Architecture of a network as text, e.g. `dense ResNet-56 with option-B shortcuts, 100 classes`."""
    schedule = loaded.model.schedule
    architecture = schedule.architecture
    kind = f"{'dense' if schedule.is_dense else 'pruned'} ResNet-{architecture.depth}"
    width = "" if architecture.base_width == RESNET20.base_width else f", base width {architecture.base_width}"
    classes = "" if architecture.n_classes == RESNET20.n_classes else f", {architecture.n_classes} classes"
    return f"{kind} with option-{architecture.shortcut} shortcuts{width}{classes}"
