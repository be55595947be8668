"""Which filters are worth keeping: one score a filter, the published criteria that need no labels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from roboreg_core.pruning.block_tensors import BlockTensors


def l1_norm(inner: BlockTensors) -> Tensor:
    """Sum of the absolute weights of each filter (Li et al. 2017)."""
    return inner.conv1.abs().sum((1, 2, 3))


def geometric_median(inner: BlockTensors) -> Tensor:
    """Sum of the distances to all other filters: that nearest to the geometric median goes (He et al. 2019, FPGM)."""
    rows = inner.conv1.flatten(1).double()
    return torch.cdist(rows, rows).sum(1).float()


def batch_norm_scale(inner: BlockTensors) -> Tensor:
    """Size of gamma (Liu et al. 2017, network slimming)."""
    return inner.gamma.abs()


# From a block's tensors and a generator to (width,) scores; higher stays.
SCORES: dict[str, Callable[[BlockTensors, torch.Generator], Tensor]] = {
    "l1": lambda inner, _: l1_norm(inner),
    "fpgm": lambda inner, _: geometric_median(inner),
    "bn-scale": lambda inner, _: batch_norm_scale(inner),
    "random": lambda inner, generator: torch.rand(inner.width, generator=generator),
}


def best(scores: Tensor, k: int) -> Tensor:
    """The `k` filters with the highest scores, ascending; of equal ones the first."""
    return scores.sort(descending=True, stable=True).indices[:k].sort().values


def best_of_each(scores: Tensor, labels: Tensor) -> Tensor:
    """The filter with the highest score of each cluster, (n_clusters,), in the order of the labels."""
    order = scores.sort(descending=True, stable=True).indices
    return torch.stack([order[labels[order] == label][0] for label in range(int(labels.max()) + 1)])


def medoids(rows: Tensor, labels: Tensor) -> Tensor:
    """The filter nearest to the mean of its cluster, (n_clusters,)."""
    means = torch.stack([rows[labels == label].mean(0) for label in range(int(labels.max()) + 1)])
    return best_of_each(-(rows - means[labels]).norm(dim=1), labels)
