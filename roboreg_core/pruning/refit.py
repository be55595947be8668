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


def refit_conv1(tensors: BlockTensors, moments: Moments) -> BlockTensors:
    """Solve conv1 and bn1 by ridge regression, so that bn1's outputs match the dense network's channels.

    Args:
        tensors: the block; conv2 is returned unchanged.
        moments: second moments of the block's inputs (9 * inputs, channel by channel) and the dense network's channels
            (width).
    """
    weight, norm = unfold(ridge(moments, to_unknowns(*tensors.folded())), moments, tensors.norm)
    return replace(tensors, conv1=weight.view_as(tensors.conv1), norm=norm)


def refit_conv2(tensors: BlockTensors, output_norm: NormTensors, moments: Moments) -> tuple[BlockTensors, NormTensors]:
    """Solve conv2 and bn2 by ridge regression, so that bn2's outputs match the targets of the block.

    Args:
        tensors: the block; conv1 is returned unchanged.
        output_norm: bn2.
        moments: second moments of the channels after their ReLU (9 * width, channel by channel) and the targets
            (outputs).
    """
    weight, norm = unfold(ridge(moments, to_unknowns(*output_norm.fold(tensors.conv2))), moments, output_norm)
    return replace(tensors, conv2=weight.view_as(tensors.conv2).contiguous()), norm


def unfold(solved: Tensor, moments: Moments, norm: NormTensors) -> tuple[Tensor, NormTensors]:
    """Split fitted weights into a convolution without bias and a batch norm with the same scale as before.

    Args:
        solved: fitted weights with the intercept last, (n_inputs + 1, n_targets).
        moments: second moments of the inputs, from which the running statistics are computed.
        norm: batch norm before the fit.

    Returns:
        Weight of the convolution, (n_targets, n_inputs), and the batch norm.
    """
    scale = torch.where(norm.scale.abs() < SMALLEST_SCALE, torch.ones_like(norm.scale), norm.scale).double()
    weight, intercept = solved[:-1], solved[-1]
    centre = moments.gram[-1, :-1]
    covariance = moments.gram[:-1, :-1] - centre[:, None] * centre
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
