"""Tensors of a residual block that pruning replaces.

A block computes `relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))`. Pruning changes the width of conv1, bn1 and the
input of conv2; filter `j` of conv1 is read by `conv2[:, j]`, its *slice*.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from roboreg_core.models.resnet import BasicBlock


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockTensors:
    """conv1, bn1 and conv2 of a block.

    Attributes:
        conv1: (width, inputs, 3, 3).
        gamma, beta, mean, var: weight, bias and running statistics of bn1, (width,).
        conv2: (outputs, width, 3, 3).
        eps: of bn1.
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
        gamma, beta, mean, var = (tensor.detach().clone() for tensor in _norm_tensors(block.bn1))
        return cls(
            conv1=block.conv1.weight.detach().clone(),
            gamma=gamma,
            beta=beta,
            mean=mean,
            var=var,
            conv2=block.conv2.weight.detach().clone(),
            eps=block.bn1.eps,
        )

    @torch.no_grad()
    def put_into(self, block: BasicBlock) -> None:
        """Copy the tensors into a block of this width."""
        targets = (block.conv1.weight, *_norm_tensors(block.bn1), block.conv2.weight)
        values = (self.conv1, self.gamma, self.beta, self.mean, self.var, self.conv2)
        for target, value in zip(targets, values, strict=True):
            target.copy_(value)

    @property
    def width(self) -> int:
        """Number of filters in conv1."""
        return len(self.conv1)

    @property
    def scale(self) -> Tensor:
        """Factor that bn1 applies to each channel, (width,)."""
        return self.gamma / torch.sqrt(self.var + self.eps)

    @property
    def dead(self) -> Tensor:
        """Bool (width,): filters whose channel after bn1 is constant."""
        return (self.conv1.flatten(1).abs().amax(1) * self.gamma.abs()) == 0

    @property
    def folded_unknowns(self) -> Tensor:
        """conv1 and its bias with bn1 folded in, as least-squares unknowns, (9 * inputs + 1, width)."""
        weight, bias = self.folded()
        return torch.cat([weight.flatten(1).T, bias[None]])

    def folded(self) -> tuple[Tensor, Tensor]:
        """conv1's weight (width, inputs, 3, 3) and bias (width,) with bn1 folded in."""
        return self.conv1 * self.scale.view(-1, 1, 1, 1), self.beta - self.mean * self.scale

    def take(self, filters: Tensor) -> BlockTensors:
        """The tensors of some filters, int (n,), with their slices of conv2."""
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
    """Weight, bias and running statistics of bn2, (outputs,) each; pruning does not change their size."""

    gamma: Tensor
    beta: Tensor
    mean: Tensor
    var: Tensor
    eps: float

    @classmethod
    def of(cls, block: BasicBlock) -> OutputBatchNorm:
        """Copies of a block's tensors."""
        gamma, beta, mean, var = (tensor.detach().clone() for tensor in _norm_tensors(block.bn2))
        return cls(gamma=gamma, beta=beta, mean=mean, var=var, eps=block.bn2.eps)

    @torch.no_grad()
    def put_into(self, block: BasicBlock) -> None:
        """Copy the tensors into a block."""
        for target, value in zip(_norm_tensors(block.bn2), (self.gamma, self.beta, self.mean, self.var), strict=True):
            target.copy_(value)

    @property
    def scale(self) -> Tensor:
        """Factor that bn2 applies to each output, (outputs,)."""
        return self.gamma / torch.sqrt(self.var + self.eps)

    def folded(self, conv2: Tensor) -> tuple[Tensor, Tensor]:
        """`conv2` (outputs, width, 3, 3) and a bias (outputs,) with bn2 folded in."""
        return conv2 * self.scale.view(-1, 1, 1, 1), self.beta - self.mean * self.scale

    def folded_unknowns(self, conv2: Tensor) -> Tensor:
        """`conv2` and its bias with bn2 folded in, as least-squares unknowns, (9 * width + 1, outputs)."""
        weight, bias = self.folded(conv2)
        return torch.cat([weight.flatten(1).T, bias[None]])


def _norm_tensors(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.weight, norm.bias, norm.running_mean, norm.running_var
