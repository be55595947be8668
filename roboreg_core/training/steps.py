"""What an epoch is made of: batches in an order of their own, and the step that each of them makes.

Nothing here reads a number from the device: on a GPU the processor runs ahead until the epoch's sums are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.datasets.augmentation import augment
from roboreg_core.datasets.images import Images
from roboreg_core.device import computed_in
from roboreg_core.seeding import torch_generator
from roboreg_core.training.distillation import distilled
from roboreg_core.training.spec import TrainSpec
from roboreg_core.training.training_state import TrainingState


class Batches:
    """The augmented batches of one epoch, in the order that seed and epoch decide; all of one size. Read them once."""

    def __init__(self, images: Images, spec: TrainSpec, epoch: int) -> None:
        device = images.pixels.device
        self._images, self._spec = images, spec
        self._generator = torch_generator(spec.seed, "epoch", epoch, device=device)
        order = torch.randperm(len(images), generator=self._generator, device=device)
        # A last small batch would disturb batch norm; its images come again in another epoch.
        self._rows = [rows for rows in order.split(spec.batch_size) if len(rows) == spec.batch_size] or [order]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def seen(self) -> int:
        """Images in all batches."""
        return sum(len(rows) for rows in self._rows)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Pixels (n, 3, 32, 32) in 0..255 and labels (n,)."""
        for rows in self._rows:
            pixels = augment(self._images.pixels[rows], self._spec.augmentation, self._generator)
            yield pixels, self._images.labels[rows]


@dataclass(frozen=True, kw_only=True)
class EpochTotals:
    """Sums over an epoch's steps, scalars on the device: `loss` in float32, `right` (correct predictions) in int64."""

    loss: Tensor
    right: Tensor

    @classmethod
    def zeros(cls, device: torch.device) -> EpochTotals:
        """Before the first step."""
        return cls(loss=torch.zeros((), device=device), right=torch.zeros((), dtype=torch.long, device=device))

    def clear(self) -> None:
        """Begin an epoch, in place."""
        self.loss.zero_()
        self.right.zero_()

    def means(self, batches: Batches) -> tuple[float, float]:
        """Mean cross-entropy and accuracy; waits for the device."""
        return self.loss.item() / len(batches), self.right.item() / batches.seen


def step(state: TrainingState, spec: TrainSpec, sums: EpochTotals, pixels: Tensor, labels: Tensor) -> None:
    """Change the network once, at the rate that `state.rate` holds, and add to `sums`."""
    # Before the student's pass, so that the activations of both are never in memory together.
    wanted = state.teacher.logits(pixels) if state.teacher is not None else None
    with precision_of(spec, pixels.device):
        logits = state.model(state.model.prepare(pixels))
    logits = logits.float()
    cross_entropy = F.cross_entropy(logits, labels, label_smoothing=spec.label_smoothing)
    loss = cross_entropy if wanted is None else distilled(cross_entropy, logits, wanted, spec)
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    if spec.clip:
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), spec.clip, foreach=True)
    state.optimiser.step()
    for weight, kept in state.masks:
        weight.mul_(kept)
    sums.loss.add_(cross_entropy.detach())
    sums.right.add_((logits.detach().argmax(1) == labels).sum())


def precision_of(spec: TrainSpec, device: torch.device) -> torch.autocast:
    """The context of a forward pass. Casts are not kept between layers: no weight is read twice in a step."""
    enabled = computed_in(spec.precision, device) == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled, cache_enabled=False)
