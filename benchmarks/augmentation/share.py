"""Augmentation's share of a training epoch, measured in the training loop."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from benchmarks.training import BATCH_SIZE, start
from roboreg_core.datasets.augmentation import augment
from roboreg_core.device import Precision
from roboreg_core.training.loop import fit

# Share of an epoch.
GOAL = 0.05


@dataclass(frozen=True, kw_only=True)
class Share:
    """Seconds of a training and of its augmentation.

    Attributes:
        precision: precision of the training.
        steps: batches of all epochs.
        epoch_seconds: seconds of all epochs, from the first to the last step.
        augmentation_seconds: seconds in `augment`, without selecting the batch from the images.
    """

    precision: Precision
    steps: int
    epoch_seconds: float
    augmentation_seconds: float

    @property
    def share(self) -> float:
        """Share of augmentation, 0..1."""
        return self.augmentation_seconds / self.epoch_seconds

    @property
    def images_a_second(self) -> float:
        """Images per second of the training."""
        return self.steps * BATCH_SIZE / self.epoch_seconds


def measure(precision: Precision, steps: int, epochs: int) -> Share:
    """Train the dense network by the original project's recipe on the CPU, after a warm-up, with `steps` per epoch."""
    model, images, spec = start(steps)
    spec = replace(spec, precision=precision)
    fit(model, images.take(torch.arange(2 * BATCH_SIZE), "warm-up"), spec)
    spent: list[float] = []

    def timed(*arguments: Any) -> Tensor:
        # CPU operations are synchronous.
        started = time.perf_counter()
        out = augment(*arguments)
        spent.append(time.perf_counter() - started)
        return out

    with mock.patch("roboreg_core.training.steps.augment", timed):
        history = fit(model, images, replace(spec, epochs=epochs)).history
    if len(spent) != steps * epochs:
        raise RuntimeError(f"augmentation must be called once per step, {steps * epochs} times, got {len(spent)}")
    return Share(
        precision=precision,
        steps=len(spent),
        epoch_seconds=sum(epoch.seconds for epoch in history),
        augmentation_seconds=sum(spent),
    )
