"""Batch-norm recalibration: running statistics estimated anew on a few images, without labels or gradients."""

from __future__ import annotations

import copy

import torch
from torch import nn

from roboreg_core.datasets.images import Images
from roboreg_core.models.resnet import ResNet20

BATCH_SIZE = 250


@torch.no_grad()
def recalibrate(model: ResNet20, images: Images, *, device: torch.device | str = "cpu") -> ResNet20:
    """A copy whose batch norms hold the cumulative statistics of `images` as they pass through the copy."""
    fresh = copy.deepcopy(model).to(device).to(memory_format=torch.channels_last)
    norms = [module for module in fresh.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch then averages over all batches alike
    fresh.train()
    for part in images.pixels.split(BATCH_SIZE):
        fresh(fresh.prepare(part.to(device)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return fresh.eval().cpu()
