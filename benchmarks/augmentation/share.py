"""The share of a training epoch that augmentation takes, measured in the loop's own path."""

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

# Of an epoch's time.
GOAL = 0.05


@dataclass(frozen=True, kw_only=True)
class Share:
    """Seconds of a training and of its augmentation.

    Attributes:
        precision: of the training.
        steps: batches of all epochs.
        epoch_seconds: of all epochs, from the first to the last step.
        augmentation_seconds: spent in `augment` meanwhile; taking the batch out of the images is not in it.
    """

    precision: Precision
    steps: int
    epoch_seconds: float
    augmentation_seconds: float

    @property
    def share(self) -> float:
        """Augmentation's part of the epoch, 0..1."""
        return self.augmentation_seconds / self.epoch_seconds

    @property
    def images_a_second(self) -> float:
        """Of the training."""
        return self.steps * BATCH_SIZE / self.epoch_seconds


def measure(precision: Precision, steps: int, epochs: int) -> Share:
    """Train the dense network by the source project's recipe, on the CPU, after a short training to warm up.

    An epoch has so many `steps`.
    """
    model, images, spec = start(steps)
    spec = replace(spec, precision=precision)
    fit(model, images.take(torch.arange(2 * BATCH_SIZE), "warm-up"), spec)
    spent: list[float] = []

    def timed(*arguments: Any) -> Tensor:
        # On a CPU an operation is done when it returns.
        started = time.perf_counter()
        out = augment(*arguments)
        spent.append(time.perf_counter() - started)
        return out

    with mock.patch("roboreg_core.training.steps.augment", timed):
        history = fit(model, images, replace(spec, epochs=epochs)).history
    if len(spent) != steps * epochs:
        raise RuntimeError(f"augmentation must be called once a step, {steps * epochs} times, got {len(spent)}")
    return Share(
        precision=precision,
        steps=len(spent),
        epoch_seconds=sum(epoch.seconds for epoch in history),
        augmentation_seconds=sum(spent),
    )
