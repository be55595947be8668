"""Augmented batches of an epoch, and one optimiser step.

Nothing here reads a value from the device before the end of the epoch, so that the CPU can run ahead of a GPU.
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
    """Augmented batches of one epoch, all of one size, in an order given by seed and epoch. Iterate once."""

    def __init__(self, images: Images, spec: TrainSpec, epoch: int) -> None:
        device = images.pixels.device
        self._images, self._spec = images, spec
        self._generator = torch_generator(spec.seed, "epoch", epoch, device=device)
        order = torch.randperm(len(images), generator=self._generator, device=device)
        # A small last batch would disturb batch norm and is dropped.
        self._rows = [rows for rows in order.split(spec.batch_size) if len(rows) == spec.batch_size] or [order]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def n_images(self) -> int:
        """Number of images in all batches."""
        return sum(len(rows) for rows in self._rows)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Pixels (n, 3, h, w) in 0..255 and labels (n,)."""
        for rows in self._rows:
            pixels = augment(self._images.pixels[rows], self._spec.augmentation, self._generator)
            yield pixels, self._images.labels[rows]


@dataclass(frozen=True, kw_only=True)
class EpochTotals:
    """Sums over the batches of an epoch, scalars on the device.

    Attributes:
        loss: mean cross-entropies of the batches, float32.
        correct: numbers of correct predictions, int64.
    """

    loss: Tensor
    correct: Tensor

    @classmethod
    def zeros(cls, device: torch.device) -> EpochTotals:
        """Totals of zero on `device`."""
        return cls(loss=torch.zeros((), device=device), correct=torch.zeros((), dtype=torch.long, device=device))

    def clear(self) -> None:
        """Set the totals to zero in place."""
        self.loss.zero_()
        self.correct.zero_()

    def means(self, batches: Batches) -> tuple[float, float]:
        """Mean cross-entropy and accuracy, 0..1, of a complete epoch of `batches`; synchronises with the device."""
        return self.loss.item() / len(batches), self.correct.item() / batches.n_images


def step(state: TrainingState, spec: TrainSpec, totals: EpochTotals, pixels: Tensor, labels: Tensor) -> None:
    """Update the weights with a batch of raw pixels (n, 3, h, w) in 0..255 and labels (n,).

    The cross-entropy and the number of correct predictions are added to `totals`.
    """
    # Before the student's forward pass, so that only one network's activations are in memory.
    targets = state.teacher.logits(pixels) if state.teacher is not None else None
    enabled = computed_in(spec.precision, pixels.device) == "bfloat16"
    # Without a cache of casts, because no weight is used twice in a step.
    with torch.autocast(pixels.device.type, torch.bfloat16, enabled=enabled, cache_enabled=False):
        logits = state.model(state.model.prepare(pixels))
    logits = logits.float()
    cross_entropy = F.cross_entropy(logits, labels, label_smoothing=spec.label_smoothing)
    loss = cross_entropy if targets is None else distilled(cross_entropy, logits, targets, spec)
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    if spec.clip:
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), spec.clip, foreach=True)
    state.optimiser.step()
    for weight, mask in state.masks:
        weight.mul_(mask)
    totals.loss.add_(cross_entropy.detach())
    totals.correct.add_((logits.detach().argmax(1) == labels).sum())
