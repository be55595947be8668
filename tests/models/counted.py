"""Costs counted on a network, to check the closed form of `models.costs`."""

from __future__ import annotations

import copy

import torch
from torch.utils.flop_counter import FlopCounterMode

from roboreg_core.models.resnet import ResNet


@torch.no_grad()
def count(model: ResNet) -> tuple[int, int]:
    """Parameters and MACs per image of a network.

    MACs are half of what torch's own counter finds in the operations of a forward pass. That pass runs on the meta
    device: shapes alone, no arithmetic. `model` is not changed.
    """
    size = model.architecture.image_size
    shapes = copy.deepcopy(model).to("meta").eval()
    with FlopCounterMode(display=False) as counter:
        shapes(torch.empty(1, 3, size, size, device="meta"))
    return sum(parameter.numel() for parameter in model.parameters()), counter.get_total_flops() // 2
