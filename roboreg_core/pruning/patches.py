"""What a 3x3 convolution sees at some places of some images, as rows of a matrix."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def draw_places(n: int, size: int, count: int, generator: torch.Generator) -> Tensor:
    """For each of `n` images, `count` different places of a `size` x `size` map, int (n, count); all where fewer."""
    if count >= size * size:
        return torch.arange(size * size).expand(n, -1)
    return torch.rand(n, size * size, generator=generator).argsort(1)[:, :count]


def patches(x: Tensor, places: Tensor, stride: int = 1) -> Tensor:
    """Rows (n * count, 9 * channels), tap by tap, of the 3x3 windows (padding 1) at `places` of the output.

    `x` is (n, channels, h, w); `places` (n, count) number the pixels of the output, row by row.
    """
    n, channels, height, width = x.shape
    steps = torch.arange(-1, 2, device=x.device)
    rows = (places // (width // stride) * stride)[:, :, None, None] + steps[:, None]
    columns = (places % (width // stride) * stride)[:, :, None, None] + steps
    outside = (rows < 0) | (rows >= height) | (columns < 0) | (columns >= width)
    pixels = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    windows = values(x, pixels.view(n, -1))
    windows.index_fill_(0, outside.flatten().nonzero().squeeze(1), 0.0)
    return windows.view(-1, 9 * channels)


def convolve(x: Tensor, weight: Tensor, bias: Tensor, stride: int = 1) -> Tensor:
    """3x3 convolution with padding 1 of `x` (n, inputs, h, w), on its device, channels last.

    `weight` (outputs, inputs, 3, 3) and `bias` (outputs,) may be on another device.
    """
    weight = weight.to(x.device, memory_format=torch.channels_last)
    return F.conv2d(x, weight, bias.to(x.device), stride=stride, padding=1)


def values(x: Tensor, places: Tensor) -> Tensor:
    """Rows (n * count, channels) of `x` (n, channels, h, w), channels last in memory, at `places` (n, count)."""
    n, channels, height, width = x.shape
    first = torch.arange(0, n * height * width, height * width, device=x.device)
    return x.permute(0, 2, 3, 1).reshape(-1, channels).index_select(0, (first[:, None] + places).flatten())
