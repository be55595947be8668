"""ONNX export, checked against torch's logits before it is offered."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from roboreg_core.datasets.images import Images
from roboreg_core.errors import CheckpointError
from roboreg_core.evaluation.logits import BATCH_SIZE, fold_batch_norm, inference_model
from roboreg_core.evaluation.onnx_runtime import onnx_forward
from roboreg_core.models.cards import network_text
from roboreg_core.models.onnx_graph import INPUT, OUTPUT, onnx_model
from roboreg_core.models.resnet import ResNet

TOLERANCE = 1e-4
# About a hundred per class, checked within two seconds on one core.
CHECKED_IMAGES = 1_000


@dataclass(frozen=True, kw_only=True)
class OnnxExport:
    """Exported ONNX file whose logits were compared with torch's, see `export_onnx`.

    Attributes:
        content: bytes of the file.
        difference: largest absolute difference between the logits of onnxruntime and torch.
        images: number of images compared.
    """

    content: bytes
    difference: float
    images: int


def export_onnx(model: ResNet, images: Images, **facts: Any) -> OnnxExport:
    """Export a network and compare its logits in onnxruntime and torch on `images`.

    `facts` are added to the file's metadata. Raises `CheckpointError`: logits differ by more than `TOLERANCE`.
    """
    content = onnx_bytes(model, images.classes, **facts)
    difference = largest_difference(content, model, images)
    # NaN must fail as well.
    if not difference <= TOLERANCE:
        raise CheckpointError(
            f"an ONNX file's logits must be within {TOLERANCE:g} of the network's, got {difference:.2g} on "
            f"{len(images):,} images; do not use it, and install the pinned onnxruntime"
        )
    return OnnxExport(content=content, difference=difference, images=len(images))


def onnx_bytes(model: ResNet, classes: Sequence[str], **facts: Any) -> bytes:
    """ONNX file of a network with batch norm folded; `classes` are the names of its outputs.

    Its metadata describe network, input, output, classes, normalisation and schedule, and contain `facts` (as JSON if
    they are not strings).
    """
    import onnx

    size = model.architecture.image_size
    facts = {
        "network": network_text(model.architecture),
        "input": f"{INPUT}: uint8 RGB, 0..255, (n, 3, {size}, {size}); the graph scales and normalises it",
        "output": f"{OUTPUT}: float32, (n, {len(classes)}), one number per class; the largest is the prediction",
        "classes": list(classes),
        "normalisation": asdict(model.normalisation),
        **model.schedule.stored(),
        **facts,
    }
    metadata = {name: value if isinstance(value, str) else json.dumps(value) for name, value in facts.items()}
    proto = onnx_model(fold_batch_norm(model), metadata)
    onnx.checker.check_model(proto, full_check=True)
    return proto.SerializeToString()


def checked_images(images: Images) -> Images:
    """Sample of about `CHECKED_IMAGES` of the images, evenly spaced, on which `export_onnx` compares logits."""
    rows = torch.arange(0, len(images), max(1, len(images) // CHECKED_IMAGES))
    return images.take(rows, f"{len(rows):,} of {images.name}")


@torch.inference_mode()
def largest_difference(content: bytes, model: ResNet, images: Images) -> float:
    """Largest absolute difference between the logits of an ONNX file and of `model` on `images`; NaN if one is NaN."""
    network, forward = inference_model(model, torch.device("cpu")), onnx_forward(content)
    batches = images.pixels.split(BATCH_SIZE)
    differences = [np.abs(forward(part.numpy()) - network(network.prepare(part)).numpy()).max() for part in batches]
    return float(np.max(differences))
