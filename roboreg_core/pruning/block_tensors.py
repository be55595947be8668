"""The tensors of a residual block that depend on its width: what every step of pruning reads and makes anew.

A block computes `conv2(relu(bn1(conv1(x))))`. Filter `j` of conv1 has a weight row `w_j` and a batch norm
`(gamma, beta, mu, var)_j`, and conv2 reads it through the slice `V_j`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from roboreg_core.models.resnet import BasicBlock


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockTensors:
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
    def of(cls, block: BasicBlock) -> BlockTensors:
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
    def width(self) -> int:
        """How many filters there are."""
        return len(self.conv1)

    @property
    def scale(self) -> Tensor:
        """What batch norm multiplies each channel by, (width,)."""
        return self.gamma / torch.sqrt(self.var + self.eps)

    @property
    def dead(self) -> Tensor:
        """Bool (width,): filters whose channel is the same on every image."""
        return (self.conv1.flatten(1).abs().amax(1) * self.gamma.abs()) == 0

    @property
    def start(self) -> Tensor:
        """conv1 and its bias, batch norm folded in, as unknowns: (9 * inputs + 1, width)."""
        weight, bias = self.folded()
        return torch.cat([weight.flatten(1).T, bias[None]])

    def folded(self) -> tuple[Tensor, Tensor]:
        """conv1's weights (width, inputs, 3, 3) and bias (width,) with batch norm folded into them."""
        return self.conv1 * self.scale.view(-1, 1, 1, 1), self.beta - self.mean * self.scale

    def take(self, filters: Tensor) -> BlockTensors:
        """The block with only these filters, int (n,), and the slices that read them."""
        return replace(
            self,
            conv1=self.conv1[filters],
            gamma=self.gamma[filters],
            beta=self.beta[filters],
            mean=self.mean[filters],
            var=self.var[filters],
            conv2=self.conv2[:, filters],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class OutputBatchNorm:
    """The batch norm after conv2, whose size does not depend on the width: (outputs,) each."""

    gamma: Tensor
    beta: Tensor
    mean: Tensor
    var: Tensor
    eps: float

    @classmethod
    def of(cls, block: BasicBlock) -> OutputBatchNorm:
        """Copies of a block's tensors."""
        norm = block.bn2
        assert norm.running_mean is not None
        assert norm.running_var is not None
        return cls(
            gamma=norm.weight.detach().clone(),
            beta=norm.bias.detach().clone(),
            mean=norm.running_mean.clone(),
            var=norm.running_var.clone(),
            eps=norm.eps,
        )

    @torch.no_grad()
    def put_into(self, block: BasicBlock) -> None:
        """Copy the tensors into a block."""
        norm = block.bn2
        assert norm.running_mean is not None
        assert norm.running_var is not None
        pairs = (
            (norm.weight, self.gamma),
            (norm.bias, self.beta),
            (norm.running_mean, self.mean),
            (norm.running_var, self.var),
        )
        for target, value in pairs:
            target.copy_(value)

    @property
    def scale(self) -> Tensor:
        """What batch norm multiplies each channel by, (outputs,)."""
        return self.gamma / torch.sqrt(self.var + self.eps)

    def start(self, conv2: Tensor) -> Tensor:
        """`conv2` (outputs, width, 3, 3) and a bias, batch norm folded in, as unknowns: (9 * width + 1, outputs)."""
        weight = conv2 * self.scale.view(-1, 1, 1, 1)
        return torch.cat([weight.flatten(1).T, (self.beta - self.mean * self.scale)[None]])
