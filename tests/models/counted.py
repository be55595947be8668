"""Costs counted on a network, to check the closed form of `models.costs`."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from roboreg_core.datasets.cifar10 import IMAGE_SIZE


@torch.no_grad()
def count(model: nn.Module) -> tuple[int, int]:
    """Parameters and MACs per image of a network.

    MACs are half of what torch's own counter finds in the operations of a forward pass. That pass runs on the meta
    device: shapes alone, no arithmetic. `model` is not changed.
    """
    shapes = copy.deepcopy(model).to("meta").eval()
    with FlopCounterMode(display=False) as counter:
        shapes(torch.empty(1, 3, IMAGE_SIZE, IMAGE_SIZE, device="meta"))
    return sum(parameter.numel() for parameter in model.parameters()), counter.get_total_flops() // 2
