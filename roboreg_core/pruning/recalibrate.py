"""Batch-norm recalibration: new running statistics from a forward pass over a few images."""

import copy

import torch
from torch import nn

from roboreg_core.datasets.images import Images
from roboreg_core.models.resnet import ResNet

BATCH_SIZE = 250


@torch.no_grad()
def recalibrate(model: ResNet, images: Images, *, device: torch.device | str = "cpu") -> ResNet:
    """Copy `model` to the CPU with batch-norm running statistics re-estimated on `images` (mean over batches)."""
    fresh = copy.deepcopy(model).to(device).to(memory_format=torch.channels_last)
    norms = [module for module in fresh.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative average over batches
    fresh.train()
    for batch in images.pixels.split(BATCH_SIZE):
        fresh(fresh.prepare(batch.to(device)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return fresh.eval().cpu()
