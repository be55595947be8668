"""Exponential moving average of the weights (compare Polyak and Juditsky 1992).

torch's `AveragedModel` counts steps on the device, so a decay that depends on the count would stall a GPU at each step.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from roboreg_core.models.resnet import ResNet


@dataclass(kw_only=True)
class WeightAverage:
    """Moving average of weights and batch-norm statistics.

    Attributes:
        network: the average, in eval mode, float32, on the training's device.
        decay: largest decay per step, see `warm_decay`.
        steps: number of updates.
    """

    network: ResNet
    decay: float
    steps: int = 0

    @classmethod
    def of(cls, model: ResNet, decay: float) -> WeightAverage:
        """Average that starts from a copy of `model`."""
        return cls(network=copy.deepcopy(model).eval(), decay=decay)

    @torch.no_grad()
    def update(self, model: ResNet) -> None:
        """Update the average with the weights of `model`, in place."""
        self.steps += 1
        floats, counters = _tensors(self.network)
        new_floats, new_counters = _tensors(model)
        torch._foreach_lerp_(floats, new_floats, 1 - warm_decay(self.decay, self.steps))
        torch._foreach_copy_(counters, new_counters)


def warm_decay(decay: float, steps: int) -> float:
    """Decay of the average after `steps` updates, `min(decay, (1 + steps) / (10 + steps))`, as in TensorFlow.

    The average covers about the last ninth of the steps, at most 1 / (1 - decay). A constant decay with bias correction
    as in Adam would weight the first steps of a short training, the worst after pruning, like the last.
    """
    return min(decay, (1 + steps) / (10 + steps))


def _tensors(model: ResNet) -> tuple[list[Tensor], list[Tensor]]:
    """Floating-point tensors, and batch norm's integer counters."""
    everything = list(chain(model.parameters(), model.buffers()))
    return [t for t in everything if t.is_floating_point()], [t for t in everything if not t.is_floating_point()]
