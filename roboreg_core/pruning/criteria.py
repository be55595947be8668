"""Published label-free importance scores of filters, and the choice of filters by a score."""

from collections.abc import Callable

import torch
from torch import Tensor

from roboreg_core.pruning.block_tensors import BlockTensors


def l1_norm(tensors: BlockTensors) -> Tensor:
    """L1 norm of each filter, (width,) (Li et al. 2017, Pruning Filters for Efficient ConvNets)."""
    return tensors.conv1.abs().sum((1, 2, 3))


def geometric_median(tensors: BlockTensors) -> Tensor:
    """Sum of distances to all other filters, (width,); lowest near the geometric median (He et al. 2019, FPGM)."""
    rows = tensors.conv1.flatten(1).double()
    return torch.cdist(rows, rows).sum(1).float()


def batch_norm_scale(tensors: BlockTensors) -> Tensor:
    """Magnitude of bn1's gamma, (width,) (Liu et al. 2017, Network Slimming)."""
    return tensors.norm.gamma.abs()


# Functions of a block's tensors and a generator; they return (width,). Filters with higher scores are kept.
SCORES: dict[str, Callable[[BlockTensors, torch.Generator], Tensor]] = {
    "l1": lambda tensors, _: l1_norm(tensors),
    "fpgm": lambda tensors, _: geometric_median(tensors),
    "bn-scale": lambda tensors, _: batch_norm_scale(tensors),
    "random": lambda tensors, generator: torch.rand(tensors.width, generator=generator),
}


def top_k(scores: Tensor, k: int) -> Tensor:
    """Indices of the `k` highest scores, ascending, int (k,); equal scores: the lower index first."""
    return scores.sort(descending=True, stable=True).indices[:k].sort().values


def top_of_each(scores: Tensor, labels: Tensor) -> Tensor:
    """Index of the highest-scored filter in each cluster, int (n_clusters,).

    `scores` (n,) are those of the filters; `labels`, int (n,), are their clusters, numbered from 0.
    """
    order = scores.sort(descending=True, stable=True).indices
    return torch.stack([order[labels[order] == label][0] for label in range(int(labels.max()) + 1)])


def medoids(rows: Tensor, labels: Tensor) -> Tensor:
    """Index of the filter nearest to the mean of each cluster, int (n_clusters,).

    `rows` are the filters' features, (n, n_features); `labels` their clusters, int (n,).
    """
    means = torch.stack([rows[labels == label].mean(0) for label in range(int(labels.max()) + 1)])
    return top_of_each(-(rows - means[labels]).norm(dim=1), labels)
