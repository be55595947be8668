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
class NormTensors:
    """Weight, bias, running mean and running variance of a batch norm, (channels,) each, and its eps."""

    gamma: Tensor
    beta: Tensor
    mean: Tensor
    var: Tensor
    eps: float

    @classmethod
    def of(cls, norm: nn.BatchNorm2d) -> NormTensors:
        """Copy a batch norm's tensors."""
        gamma, beta, mean, var = (tensor.detach().clone() for tensor in _tensors(norm))
        return cls(gamma=gamma, beta=beta, mean=mean, var=var, eps=norm.eps)

    @torch.no_grad()
    def put_into(self, norm: nn.BatchNorm2d) -> None:
        """Copy the tensors into a batch norm."""
        for target, value in zip(_tensors(norm), (self.gamma, self.beta, self.mean, self.var), strict=True):
            target.copy_(value)

    @property
    def scale(self) -> Tensor:
        """Factor that the batch norm applies to each channel, (channels,)."""
        return self.gamma / torch.sqrt(self.var + self.eps)

    def fold(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Weight (channels, inputs, 3, 3) and bias (channels,) of the preceding convolution with the norm folded in."""
        return weight * self.scale.view(-1, 1, 1, 1), self.beta - self.mean * self.scale

    def take(self, channels: Tensor) -> NormTensors:
        """The tensors of the channels with these indices, int (n,)."""
        parts = (part[channels] for part in (self.gamma, self.beta, self.mean, self.var))
        gamma, beta, mean, var = parts
        return NormTensors(gamma=gamma, beta=beta, mean=mean, var=var, eps=self.eps)


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockTensors:
    """The tensors of a block whose shapes depend on its width.

    Attributes:
        conv1: (width, inputs, 3, 3).
        norm: bn1.
        conv2: (outputs, width, 3, 3).
    """

    conv1: Tensor
    norm: NormTensors
    conv2: Tensor

    @classmethod
    def of(cls, block: BasicBlock) -> BlockTensors:
        """Copy a block's tensors."""
        conv1, conv2 = (conv.weight.detach().clone() for conv in (block.conv1, block.conv2))
        return cls(conv1=conv1, norm=NormTensors.of(block.bn1), conv2=conv2)

    @torch.no_grad()
    def put_into(self, block: BasicBlock) -> None:
        """Copy the tensors into a block of this width."""
        block.conv1.weight.copy_(self.conv1)
        self.norm.put_into(block.bn1)
        block.conv2.weight.copy_(self.conv2)

    @property
    def width(self) -> int:
        """Number of filters in conv1."""
        return len(self.conv1)

    @property
    def dead(self) -> Tensor:
        """Bool (width,): filters whose channel after bn1 is constant."""
        return (self.conv1.flatten(1).abs().amax(1) * self.norm.gamma.abs()) == 0

    def folded(self) -> tuple[Tensor, Tensor]:
        """conv1's weight (width, inputs, 3, 3) and bias (width,) with bn1 folded in."""
        return self.norm.fold(self.conv1)

    def take(self, filters: Tensor) -> BlockTensors:
        """The tensors of the filters with these indices, int (n,); of conv2 the weights that read their channels."""
        return replace(self, conv1=self.conv1[filters], norm=self.norm.take(filters), conv2=self.conv2[:, filters])


def _tensors(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.weight, norm.bias, norm.running_mean, norm.running_var
