"""Makes one filter of each cluster: two ways to adjust conv1, its batch norm and conv2.

A block computes `conv2(relu(bn1(conv1(x))))`. Filter `j` of conv1 has a weight row `w_j` and a batch norm
`(gamma, beta, mu, var)_j`, and conv2 reads it through the slice `V_j`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from roboreg_core.model.resnet import BasicBlock

# A dead filter's gamma may be zero; a merged channel's scale is divided by and must not be.
SMALLEST_GAMMA = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Inner:
    """The tensors of a block that depend on its width.

    Attributes:
        conv1: (width, inputs, 3, 3).
        gamma, beta, mean, var: batch norm, (width,).
        conv2: (outputs, width, 3, 3).
        eps: added to `var` by batch norm.
    """

    conv1: Tensor
    gamma: Tensor
    beta: Tensor
    mean: Tensor
    var: Tensor
    conv2: Tensor
    eps: float

    @classmethod
    def of(cls, block: BasicBlock) -> Inner:
        """Copies of a block's tensors."""
        norm = block.bn1
        assert norm.running_mean is not None
        assert norm.running_var is not None
        return cls(
            conv1=block.conv1.weight.detach().clone(),
            gamma=norm.weight.detach().clone(),
            beta=norm.bias.detach().clone(),
            mean=norm.running_mean.clone(),
            var=norm.running_var.clone(),
            conv2=block.conv2.weight.detach().clone(),
            eps=norm.eps,
        )

    @torch.no_grad()
    def put_into(self, block: BasicBlock) -> None:
        """Copy the tensors into a block of this width."""
        norm = block.bn1
        assert norm.running_mean is not None
        assert norm.running_var is not None
        pairs = (
            (block.conv1.weight, self.conv1),
            (norm.weight, self.gamma),
            (norm.bias, self.beta),
            (norm.running_mean, self.mean),
            (norm.running_var, self.var),
            (block.conv2.weight, self.conv2),
        )
        for target, value in pairs:
            target.copy_(value)

    @property
    def scale(self) -> Tensor:
        """What batch norm multiplies each channel by, (width,)."""
        return self.gamma / torch.sqrt(self.var + self.eps)


def raw_rows(inner: Inner) -> Tensor:
    """Features of the source project: conv1's weights, (width, 9 * inputs)."""
    return inner.conv1.flatten(1)


def filter_rows(inner: Inner) -> Tensor:
    """All that makes a channel what it is: conv1's weights with gamma and beta beside them, (width, 9 * inputs + 2).

    Two filters of a block with equal rows give equal channels on every image: their statistics are then equal too.
    """
    return torch.cat([raw_rows(inner), inner.gamma[:, None], inner.beta[:, None]], dim=1)


def merge_source(inner: Inner, labels: Tensor) -> Inner:
    """The source project's arithmetic: means of everything, conv2's slices averaged too.

    A cluster of `n` equal filters shrinks to one `n`-th of its effect: kept for comparison, not for use.
    """
    return Inner(
        conv1=_means(inner.conv1, labels),
        gamma=_means(inner.gamma, labels),
        beta=_means(inner.beta, labels),
        mean=_means(inner.mean, labels),
        var=_means(inner.var, labels),
        conv2=_means(inner.conv2.transpose(0, 1), labels).transpose(0, 1).contiguous(),
        eps=inner.eps,
    )


def merge_folded(inner: Inner, labels: Tensor) -> Inner:
    """Mean of the folded filters, **sum** of conv2's slices: exact where the filters of each cluster are equal.

    The merged channel keeps a batch norm with the mean variance and the mean size of gamma of its members, and conv1 is
    divided by that scale, so that its weights stay as large as the members' were: fine-tuning at a given rate moves
    them as far. Re-estimated statistics then restore the variance that averaging took away
    (Jordan et al. 2022, REPAIR).
    """
    folded = inner.conv1 * inner.scale.view(-1, 1, 1, 1)
    gamma = _means(inner.gamma.abs(), labels).clamp_min(SMALLEST_GAMMA)
    var = _means(inner.var, labels)
    scale = gamma / torch.sqrt(var + inner.eps)
    return Inner(
        conv1=_means(folded, labels) / scale.view(-1, 1, 1, 1),
        gamma=gamma,
        beta=_means(inner.beta, labels),
        mean=_means(inner.mean * inner.scale, labels) / scale,
        var=var,
        conv2=_sums(inner.conv2.transpose(0, 1), labels).transpose(0, 1).contiguous(),
        eps=inner.eps,
    )


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to prune a block: what is clustered and how a cluster becomes one filter."""

    name: str
    meaning: str
    features: Callable[[Inner], Tensor]
    merge: Callable[[Inner, Tensor], Inner]


METHODS = {
    method.name: method
    for method in (
        Method(
            name="merge",
            meaning="cluster the filters with their gamma and beta, average each cluster folded, sum what reads it",
            features=filter_rows,
            merge=merge_folded,
        ),
        Method(
            name="source",
            meaning="the source project's arithmetic: cluster raw weights, average everything",
            features=raw_rows,
            merge=merge_source,
        ),
    )
}


def _sums(values: Tensor, labels: Tensor) -> Tensor:
    """Sums of the rows of `values` (n, ...) with equal labels, (n_clusters, ...), in float64 for exactness."""
    out = torch.zeros(int(labels.max()) + 1, *values.shape[1:], dtype=torch.float64)
    return out.index_add_(0, labels, values.double()).to(values.dtype)


def _means(values: Tensor, labels: Tensor) -> Tensor:
    counts = torch.bincount(labels).double().view(-1, *[1] * (values.dim() - 1))
    out = torch.zeros(len(counts), *values.shape[1:], dtype=torch.float64)
    return (out.index_add_(0, labels, values.double()) / counts).to(values.dtype)
