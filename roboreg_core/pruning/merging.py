"""Makes one filter of each cluster: its centroid in two spellings, or one member that stays.

In all of them a cluster's slices of conv2 may be averaged or summed: with equal members only the sum leaves the block's
function as it was.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from roboreg_core.pruning.block_tensors import BlockTensors

# A dead filter's gamma may be zero; a merged channel's scale is divided by and must not be.
SMALLEST_GAMMA = 1e-3


def merge_source(inner: BlockTensors, labels: Tensor) -> BlockTensors:
    """The source project's arithmetic: means of everything, conv2's slices averaged too.

    A cluster of `n` equal filters shrinks to one `n`-th of its effect: kept for comparison, not for use.
    """
    return BlockTensors(
        conv1=_means(inner.conv1, labels),
        gamma=_means(inner.gamma, labels),
        beta=_means(inner.beta, labels),
        mean=_means(inner.mean, labels),
        var=_means(inner.var, labels),
        conv2=_means(inner.conv2.transpose(0, 1), labels).transpose(0, 1).contiguous(),
        eps=inner.eps,
    )


def merge_folded(inner: BlockTensors, labels: Tensor) -> BlockTensors:
    """Mean of the folded filters and of conv2's slices.

    The merged channel keeps a batch norm with the mean variance and the mean size of gamma of its members, and conv1 is
    divided by that scale, so that its weights stay as large as the members' were: fine-tuning at a given rate moves
    them as far.
    """
    folded = inner.conv1 * inner.scale.view(-1, 1, 1, 1)
    gamma = _means(inner.gamma.abs(), labels).clamp_min(SMALLEST_GAMMA)
    var = _means(inner.var, labels)
    scale = gamma / torch.sqrt(var + inner.eps)
    return BlockTensors(
        conv1=_means(folded, labels) / scale.view(-1, 1, 1, 1),
        gamma=gamma,
        beta=_means(inner.beta, labels),
        mean=_means(inner.mean * inner.scale, labels) / scale,
        var=var,
        conv2=_means(inner.conv2.transpose(0, 1), labels).transpose(0, 1).contiguous(),
        eps=inner.eps,
    )


def summed_slices(inner: BlockTensors, labels: Tensor) -> Tensor:
    """Sums of conv2's slices over each cluster, (outputs, n_clusters, 3, 3); label -1 is in none."""
    member = labels >= 0
    return _sums(inner.conv2.transpose(0, 1)[member], labels[member]).transpose(0, 1).contiguous()


def correct_variance(merged: BlockTensors, inner: BlockTensors, labels: Tensor) -> BlockTensors:
    """Give centroids the variance back that averaging took, without looking at an image.

    The mean of `n` channels of unit variance and mean correlation `rho` has variance `(1 + (n - 1) rho) / n`; gamma is
    multiplied by the inverse root. Correlations are taken as the cosines of the folded filters, as if neighbouring
    pixels were uncorrelated (Wang et al. 2025, Forget the Data and Fine-Tuning! Just Fold the Network).
    """
    rows = inner.folded()[0].flatten(1).double()
    rows = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)
    cosines = rows @ rows.T
    same = (labels[:, None] == labels[None, :]).double()
    size = same.sum(1)
    rho = ((cosines * same).sum(1) - 1) / (size - 1).clamp_min(1)
    share = ((1 + (size - 1) * rho) / size).clamp_min(1 / size**2)
    factor = _means(share.rsqrt(), labels).to(merged.gamma.dtype)
    # Around the channel's mean: beta, which is that mean, stays.
    return replace(merged, gamma=merged.gamma * factor)


def _sums(values: Tensor, labels: Tensor) -> Tensor:
    """Sums of the rows of `values` (n, ...) with equal labels, (n_clusters, ...), in float64 for exactness."""
    out = torch.zeros(int(labels.max()) + 1, *values.shape[1:], dtype=torch.float64)
    return out.index_add_(0, labels, values.double()).to(values.dtype)


def _means(values: Tensor, labels: Tensor) -> Tensor:
    counts = torch.bincount(labels).double().view(-1, *[1] * (values.dim() - 1))
    out = torch.zeros(len(counts), *values.shape[1:], dtype=torch.float64)
    return (out.index_add_(0, labels, values.double()) / counts).to(values.dtype)
