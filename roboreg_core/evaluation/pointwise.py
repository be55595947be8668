"""A folded network's bfloat16 pass on a CPU: oneDNN's convolutions add the shortcut and apply the ReLU as they write.

torch has them for its compiler, under names that are its own; where a release lacks them, its usual operations do.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

from roboreg_core.device import has_bfloat16
from roboreg_core.model.resnet import ResNet20


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether this torch and this processor have them."""
    return has_bfloat16(torch.device("cpu")) and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def forward(network: ResNet20, x: Tensor) -> Tensor:
    """Logits (n, 10) of a network with folded batch norms; it and `x` (n, 3, 32, 32) are bfloat16, channels last."""
    x = _convolved(network.conv1, x)
    for block in network.blocks:
        way_round = block.shortcut(x).contiguous(memory_format=torch.channels_last)
        x = _convolved(block.conv2, _convolved(block.conv1, x), way_round)
    logits: Tensor = network.linear(x.mean(dim=(2, 3)))
    return logits


def _convolved(conv: nn.Conv2d, x: Tensor, residual: Tensor | None = None) -> Tensor:
    """relu(conv(x) + residual)."""
    settings = (conv.weight, conv.bias, list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups)
    operation = torch.ops.mkldnn._convolution_pointwise
    if residual is None:
        return operation(x, *settings, "relu", [], "")
    return operation.binary(x, residual, *settings, "add", 1.0, "relu", [], "")
