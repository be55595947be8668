"""Knowledge distillation (Hinton, Vinyals and Dean 2015, Distilling the Knowledge in a Neural Network, section 2)."""

import hashlib
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.architecture import Architecture
from roboreg_core.device import computed_in
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.logits import inference_model
from roboreg_core.models import checkpoints
from roboreg_core.models.resnet import ResNet
from roboreg_core.training.spec import TrainSpec


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A frozen teacher network.

    Attributes:
        network: copy with batch norm folded, on the training's device, in channels-last format and `dtype`.
        dtype: the training's precision.
        sha256: SHA-256 of the weights as safetensors, before folding.
    """

    network: ResNet
    dtype: torch.dtype
    sha256: str

    @torch.no_grad()  # not inference_mode: the backward pass reads these logits
    def logits(self, pixels: Tensor) -> Tensor:
        """Logits, float32 (n, classes), of raw images (n, 3, h, w), uint8 or floats in 0..255."""
        logits: Tensor = self.network(self.network.prepare(pixels, self.dtype))
        return logits.float()


def prepare_teacher(model: ResNet | None, spec: TrainSpec, device: torch.device) -> Teacher | None:
    """Teacher from a copy of `model`; None if `spec.distil_weight` is 0.

    Raises `SpecError`: the spec needs a teacher and `model` is None.
    """
    if spec.distil_weight == 0:
        return None
    if model is None:
        raise SpecError(
            f"distil weight must be 0 without a teacher, got {spec.distil_weight}; provide a teacher network"
        )
    dtype = torch.bfloat16 if computed_in(spec.precision, device) == "bfloat16" else torch.float32
    network = inference_model(model, device, dtype)
    digest = hashlib.sha256(checkpoints.to_bytes(model)).hexdigest()
    return Teacher(network=network.requires_grad_(False), dtype=dtype, sha256=digest)


def check_teacher(teacher: Architecture, student: Architecture) -> None:
    """Raise `SpecError` if a teacher has other classes or another image size than the student."""
    if (teacher.n_classes, teacher.image_size) != (student.n_classes, student.image_size):
        raise SpecError(
            f"a teacher must have the student's classes and image size ({student.label}), got {teacher.label}; choose "
            "another teacher"
        )


def distilled(cross_entropy: Tensor, logits: Tensor, targets: Tensor, spec: TrainSpec) -> Tensor:
    """Loss `(1 - weight) * cross_entropy + weight * T^2 * KL(teacher || student)` in nats.

    The factor T^2 makes the magnitude of the gradient independent of the temperature T.

    Args:
        cross_entropy: cross-entropy of the student's logits and the labels, a scalar.
        logits: logits of the student, (n, classes).
        targets: logits of the teacher, (n, classes).
        spec: settings with the weight and the temperature.
    """
    divergence = F.kl_div(
        F.log_softmax(logits / spec.temperature, dim=-1),
        F.log_softmax(targets / spec.temperature, dim=-1),
        reduction="batchmean",
        log_target=True,
    )
    return (1 - spec.distil_weight) * cross_entropy + spec.distil_weight * spec.temperature**2 * divergence
