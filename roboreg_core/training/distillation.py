"""Distillation: while a network is trained or fine-tuned, a teacher shows it more of each image than its label says.

The source of the loss is Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network", section 2.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.device import computed_in
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.logits import inference_model
from roboreg_core.models import checkpoints
from roboreg_core.models.resnet import ResNet20
from roboreg_core.training.spec import TrainSpec


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A network that is asked, never changed.

    Attributes:
        network: a copy with batch norm folded, on the training's device, channels last, in `dtype`.
        dtype: the training's precision.
        sha256: of the network's weights as safetensors, before folding.
    """

    network: ResNet20
    dtype: torch.dtype
    sha256: str

    @torch.no_grad()  # not inference_mode: the loss's backward pass reads what comes out
    def logits(self, pixels: Tensor) -> Tensor:
        """Raw images (n, 3, 32, 32), uint8 or floats in 0..255 -> float32 logits (n, 10), in one forward pass."""
        logits: Tensor = self.network(self.network.prepare(pixels, self.dtype))
        return logits.float()


def prepare_teacher(model: ResNet20 | None, spec: TrainSpec, device: torch.device) -> Teacher | None:
    """The teacher that `spec` asks for, made from a copy of `model`; None where `distil_weight` is 0.

    Raises `SpecError` where the spec asks for a teacher and there is no `model`.
    """
    if spec.distil_weight == 0:
        return None
    if model is None:
        raise SpecError(
            f"distil weight must be 0 where there is no teacher, got {spec.distil_weight}; give fit a teacher network"
        )
    dtype = torch.bfloat16 if computed_in(spec.precision, device) == "bfloat16" else torch.float32
    network = inference_model(model, device, dtype)
    digest = hashlib.sha256(checkpoints.to_bytes(model)).hexdigest()
    return Teacher(network=network.requires_grad_(False), dtype=dtype, sha256=digest)


def distilled(cross_entropy: Tensor, logits: Tensor, wanted: Tensor, spec: TrainSpec) -> Tensor:
    """The loss to minimise, `(1 - weight) * cross_entropy + weight * T^2 * KL(teacher || student)`, in nats.

    The divergence is a mean over images. T^2 keeps its gradient's size while the temperature T changes, since softened
    probabilities change by 1/T with a logit, and so does their difference from the teacher's.

    Args:
        cross_entropy: of the student's logits with the labels, a scalar.
        logits: (n, 10), the student's.
        wanted: the teacher's, of the same shape.
        spec: says weight and temperature.
    """
    divergence = F.kl_div(
        F.log_softmax(logits / spec.temperature, dim=-1),
        F.log_softmax(wanted / spec.temperature, dim=-1),
        reduction="batchmean",
        log_target=True,
    )
    return (1 - spec.distil_weight) * cross_entropy + spec.distil_weight * spec.temperature**2 * divergence
