"""Least-squares reconstruction of a block's convolutions on the inputs that the pruned network gives it.

conv1 is fitted to the dense network's channels before their ReLU, conv2 to the dense block's output before its ReLU
less the shortcut, so errors of earlier blocks are compensated (as in He et al. 2017, Channel Pruning). The batch norms
take the fitted outputs' statistics, so that fine-tuning in training mode starts from the same function.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from roboreg_core.pruning.block_tensors import BlockTensors, OutputBatchNorm
from roboreg_core.pruning.least_squares import Moments, ridge

# A smaller batch-norm scale is replaced by one: conv1 is divided by it.
SMALLEST_SCALE = 1e-4


def refit_conv1(tensors: BlockTensors, given: Moments) -> BlockTensors:
    """Fit conv1 and bn1; `given` are moments of the block's inputs and the dense channels."""
    new = unfold(ridge(given, tensors.folded_unknowns), given, tensors.scale, tensors.eps)
    conv1 = new.weight.view_as(tensors.conv1)
    return replace(tensors, conv1=conv1, gamma=new.gamma, beta=new.beta, mean=new.mean, var=new.var)


def refit_conv2(
    tensors: BlockTensors, output_norm: OutputBatchNorm, given: Moments
) -> tuple[BlockTensors, OutputBatchNorm]:
    """Fit conv2 and bn2; `given` are moments of the channels after their ReLU and the targets of the block."""
    solved = ridge(given, output_norm.folded_unknowns(tensors.conv2))
    new = unfold(solved, given, output_norm.scale, output_norm.eps)
    conv2 = new.weight.view_as(tensors.conv2).contiguous()
    norm = replace(output_norm, gamma=new.gamma, beta=new.beta, mean=new.mean, var=new.var)
    return replace(tensors, conv2=conv2), norm


class Unfolded(NamedTuple):
    """A convolution's weight (n_targets, n_inputs) and its batch norm's tensors, (n_targets,) each."""

    weight: Tensor
    gamma: Tensor
    beta: Tensor
    mean: Tensor
    var: Tensor


def unfold(solved: Tensor, given: Moments, scale: Tensor, eps: float) -> Unfolded:
    """Write solved unknowns as a convolution and a batch norm of the given scale with the statistics of its inputs.

    Args:
        solved: weights and intercept, (n_inputs + 1, n_targets).
        given: moments of the inputs.
        scale: factor of the batch norm, (n_targets,).
        eps: of the batch norm.
    """
    scale = torch.where(scale.abs() < SMALLEST_SCALE, torch.ones_like(scale), scale).double()
    weight, intercept = solved[:-1], solved[-1]
    centre = given.gram[-1, :-1]
    covariance = given.gram[:-1, :-1] - centre[:, None] * centre
    mean = weight.T @ centre
    var = ((weight * (covariance @ weight)).sum(0) / scale**2).clamp_min(0)
    parts = ((weight / scale).T, scale * torch.sqrt(var + eps), intercept + mean, mean / scale, var)
    return Unfolded(*(part.float() for part in parts))
