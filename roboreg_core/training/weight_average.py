"""An exponential moving average of a network in training: steadier than the network itself (Polyak and Juditsky 1992).

torch's own `AveragedModel` hands its count of steps over on the device, where a decay that depends on it would hold up
a GPU at every step; hence the few lines here.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from roboreg_core.models.resnet import ResNet20


@dataclass(kw_only=True)
class WeightAverage:
    """The moving average of weights and of batch norm's statistics.

    Attributes:
        network: what has been averaged so far, in eval mode, float32, on the training's device.
        decay: the largest decay a step, see `warm_decay`.
        steps: how many have been averaged.
    """

    network: ResNet20
    decay: float
    steps: int = 0

    @classmethod
    def of(cls, model: ResNet20, decay: float) -> WeightAverage:
        """An average that begins as a copy of `model`."""
        return cls(network=copy.deepcopy(model).eval(), decay=decay)

    @torch.no_grad()
    def update(self, model: ResNet20) -> None:
        """Move the average, in place, towards `model` as the last step left it."""
        self.steps += 1
        floats, counters = _tensors(self.network)
        new_floats, new_counters = _tensors(model)
        torch._foreach_lerp_(floats, new_floats, 1 - warm_decay(self.decay, self.steps))
        torch._foreach_copy_(counters, new_counters)


def warm_decay(decay: float, steps: int) -> float:
    """The decay at the `steps`-th step, `min(decay, (1 + steps) / (10 + steps))`, as in TensorFlow's average.

    The average then looks back over about the last ninth of the training until `decay` caps it at 1 / (1 - decay)
    steps. A constant decay with Adam's bias correction would count a short training's first steps as much as its last,
    and right after pruning the first ones are the worst.
    """
    return min(decay, (1 + steps) / (10 + steps))


def _tensors(model: ResNet20) -> tuple[list[Tensor], list[Tensor]]:
    """What has a mean, and batch norm's whole-number counters, which have none."""
    everything = list(chain(model.parameters(), model.buffers()))
    return [t for t in everything if t.is_floating_point()], [t for t in everything if not t.is_floating_point()]
