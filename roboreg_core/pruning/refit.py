"""Least-squares reconstruction of a block's convolutions on the inputs that the pruned network gives it.

conv1 is fitted to the dense network's channels before their ReLU, conv2 to the dense block's output before its ReLU
less the shortcut, so errors of earlier blocks are compensated (as in He et al. 2017, Channel Pruning). The batch norms
take the fitted outputs' statistics, so that fine-tuning in training mode starts from the same function.
"""

from dataclasses import replace

import torch
from torch import Tensor

from roboreg_core.pruning.block_tensors import BlockTensors, NormTensors
from roboreg_core.pruning.least_squares import Moments, ridge, to_unknowns

# A smaller batch-norm scale is replaced by one, because weights are divided by it.
SMALLEST_SCALE = 1e-4


def refit_conv1(tensors: BlockTensors, given: Moments) -> BlockTensors:
    """Solve conv1 and bn1 by ridge regression, so that bn1's outputs match the dense network's channels.

    Args:
        tensors: the block; conv2 is returned unchanged.
        given: moments of the block's inputs (9 * inputs, channel by channel) and the dense channels (width).
    """
    weight, norm = unfold(ridge(given, to_unknowns(*tensors.folded())), given, tensors.norm)
    return replace(tensors, conv1=weight.view_as(tensors.conv1), norm=norm)


def refit_conv2(tensors: BlockTensors, output_norm: NormTensors, given: Moments) -> tuple[BlockTensors, NormTensors]:
    """Solve conv2 and bn2 by ridge regression, so that bn2's outputs match the targets of the block.

    Args:
        tensors: the block; conv1 is returned unchanged.
        output_norm: bn2.
        given: moments of the channels after their ReLU (9 * width, channel by channel) and the targets (outputs).
    """
    weight, norm = unfold(ridge(given, to_unknowns(*output_norm.fold(tensors.conv2))), given, output_norm)
    return replace(tensors, conv2=weight.view_as(tensors.conv2).contiguous()), norm


def unfold(solved: Tensor, given: Moments, norm: NormTensors) -> tuple[Tensor, NormTensors]:
    """Split solved unknowns into a convolution and a batch norm with the scale of `norm` and the statistics of `given`.

    Args:
        solved: weights and intercept, (n_inputs + 1, n_targets).
        given: moments of the inputs.
        norm: batch norm before.

    Returns:
        Weight (n_targets, n_inputs) and batch norm.
    """
    scale = torch.where(norm.scale.abs() < SMALLEST_SCALE, torch.ones_like(norm.scale), norm.scale).double()
    weight, intercept = solved[:-1], solved[-1]
    centre = given.gram[-1, :-1]
    covariance = given.gram[:-1, :-1] - centre[:, None] * centre
    mean = weight.T @ centre
    var = ((weight * (covariance @ weight)).sum(0) / scale**2).clamp_min(0)
    new_norm = NormTensors(
        gamma=(scale * torch.sqrt(var + norm.eps)).float(),
        beta=(intercept + mean).float(),
        mean=(mean / scale).float(),
        var=var.float(),
        eps=norm.eps,
    )
    return (weight / scale).T.float(), new_norm
