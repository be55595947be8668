"""Solves a block's convolutions so that they answer as the dense network's do, behind blocks that are already pruned.

conv1 is fitted to the dense network's channels before their ReLU, conv2 to the dense block's output before its ReLU,
both on the inputs that the pruned network really has there: each block mends what the blocks before it did wrong.
Batch norms then hold the statistics of these images, so that fine-tuning starts from the same function.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from roboreg_core.pruning.block_tensors import BlockTensors, OutputBatchNorm
from roboreg_core.pruning.least_squares import Moments, ridge

# A channel whose batch norm scales it by less cannot hold a fitted weight: it gets a scale of one.
SMALLEST_SCALE = 1e-4


def refit_conv1(inner: BlockTensors, of: Moments) -> BlockTensors:
    """The block with conv1 and its batch norm solved; `of` are moments of its inputs and the dense channels."""
    new = split(ridge(of, inner.start), of, inner.scale, inner.eps)
    conv1 = new.weight.view_as(inner.conv1)
    return replace(inner, conv1=conv1, gamma=new.gamma, beta=new.beta, mean=new.mean, var=new.var)


def refit_conv2(inner: BlockTensors, outer: OutputBatchNorm, of: Moments) -> tuple[BlockTensors, OutputBatchNorm]:
    """The block with conv2 and the batch norm behind it solved; `of` are moments of its channels and what is wanted."""
    solved = ridge(of, outer.start(inner.conv2))
    new = split(solved, of, outer.scale, outer.eps)
    conv2 = new.weight.view_as(inner.conv2).contiguous()
    return replace(inner, conv2=conv2), replace(outer, gamma=new.gamma, beta=new.beta, mean=new.mean, var=new.var)


class Split(NamedTuple):
    """A convolution's weight (n_targets, n_inputs) and the batch norm behind it, (n_targets,) each."""

    weight: Tensor
    gamma: Tensor
    beta: Tensor
    mean: Tensor
    var: Tensor


def split(solved: Tensor, of: Moments, scale: Tensor, eps: float) -> Split:
    """Solved unknowns as a convolution of the same scale as before and a batch norm with true statistics."""
    scale = torch.where(scale.abs() < SMALLEST_SCALE, torch.ones_like(scale), scale).double()
    weight, constant = solved[:-1], solved[-1]
    centre = of.gram[-1, :-1]
    covariance = of.gram[:-1, :-1] - centre[:, None] * centre
    mean = weight.T @ centre
    var = ((weight * (covariance @ weight)).sum(0) / scale**2).clamp_min(0)
    parts = ((weight / scale).T, scale * torch.sqrt(var + eps), constant + mean, mean / scale, var)
    return Split(*(part.float() for part in parts))
