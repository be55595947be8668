"""Replacement of each cluster of filters by its centroid.

Averaging conv2's slices of a cluster shrinks its contribution; summing them preserves the block's function if the
members are equal.
"""

from dataclasses import replace

import torch
from torch import Tensor

from roboreg_core.pruning.block_tensors import BlockTensors, NormTensors

# The merged channel is divided by its scale, and a dead filter's gamma may be zero.
SMALLEST_GAMMA = 1e-3


def merge_source(tensors: BlockTensors, labels: Tensor) -> BlockTensors:
    """Average all tensors of each cluster, conv2's weights included: the original project's method, for comparison.

    `labels`, int (width,), are the filters' clusters, from 0. A cluster of `n` equal filters then contributes one
    `n`-th of what it did to the block's output.
    """
    norm = tensors.norm
    merged_norm = NormTensors(
        gamma=_means(norm.gamma, labels),
        beta=_means(norm.beta, labels),
        mean=_means(norm.mean, labels),
        var=_means(norm.var, labels),
        eps=norm.eps,
    )
    return BlockTensors(conv1=_means(tensors.conv1, labels), norm=merged_norm, conv2=_mean_slices(tensors, labels))


def merge_folded(tensors: BlockTensors, labels: Tensor) -> BlockTensors:
    """Average the filters of each cluster with bn1 folded in, and the conv2 weights that read them.

    `labels`, int (width,), are the filters' clusters, from 0. bn1 gets the mean variance and mean |gamma| of the
    members and conv1 is divided by that scale, so that the weights' magnitude still suits the same learning rate.
    """
    norm = tensors.norm
    gamma = _means(norm.gamma.abs(), labels).clamp_min(SMALLEST_GAMMA)
    var = _means(norm.var, labels)
    scale = gamma / torch.sqrt(var + norm.eps)
    mean = _means(norm.mean * norm.scale, labels) / scale
    return BlockTensors(
        conv1=_means(tensors.folded()[0], labels) / scale.view(-1, 1, 1, 1),
        norm=NormTensors(gamma=gamma, beta=_means(norm.beta, labels), mean=mean, var=var, eps=norm.eps),
        conv2=_mean_slices(tensors, labels),
    )


def summed_slices(tensors: BlockTensors, labels: Tensor) -> Tensor:
    """Add up the conv2 weights that read the filters of each cluster, (outputs, n_clusters, 3, 3).

    `labels`, int (width,), are the filters' clusters, from 0; filters with -1 are left out.
    """
    member = labels >= 0
    slices = tensors.conv2.transpose(0, 1)[member]
    return _sums(slices, labels[member]).to(slices.dtype).transpose(0, 1).contiguous()


def correct_variance(merged: BlockTensors, tensors: BlockTensors, labels: Tensor) -> BlockTensors:
    """Scale bn1 of a merged block so that its channels regain the variance that averaging reduced, without images.

    Args:
        merged: the block with one averaged filter per cluster, from `merge_folded`.
        tensors: the block before merging, with `width` filters.
        labels: cluster of each filter, int (width,), from 0; cluster `i` became filter `i` of `merged`.

    The mean of `n` channels of unit variance and mean correlation `rho` has variance `(1 + (n - 1) rho) / n`; gamma is
    multiplied by the inverse root. Correlations are approximated by cosines of the folded filters, as if neighbouring
    pixels were uncorrelated (Wang et al. 2025, Forget the Data and Fine-Tuning! Just Fold the Network).
    """
    rows = tensors.folded()[0].flatten(1).double()
    rows = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)
    cosines = rows @ rows.T
    same = (labels[:, None] == labels[None, :]).double()
    size = same.sum(1)
    rho = ((cosines * same).sum(1) - 1) / (size - 1).clamp_min(1)
    variance = ((1 + (size - 1) * rho) / size).clamp_min(1 / size**2)
    factor = _means(variance.rsqrt(), labels).to(merged.norm.gamma.dtype)
    # beta is the channel's mean, which averaging preserves.
    return replace(merged, norm=replace(merged.norm, gamma=merged.norm.gamma * factor))


def _mean_slices(tensors: BlockTensors, labels: Tensor) -> Tensor:
    return _means(tensors.conv2.transpose(0, 1), labels).transpose(0, 1).contiguous()


def _sums(values: Tensor, labels: Tensor) -> Tensor:
    """Sums of the rows of `values` (n, ...) per label, float64 (n_clusters, ...)."""
    sums = torch.zeros(int(labels.max()) + 1, *values.shape[1:], dtype=torch.float64)
    return sums.index_add_(0, labels, values.double())


def _means(values: Tensor, labels: Tensor) -> Tensor:
    counts = torch.bincount(labels).double().view(-1, *[1] * (values.dim() - 1))
    return (_sums(values, labels) / counts).to(values.dtype)
