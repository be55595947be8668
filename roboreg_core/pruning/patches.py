"""Input patches of a 3x3 convolution at sampled output pixels, as rows of a matrix (im2col on a subset of pixels)."""

import torch
import torch.nn.functional as F
from torch import Tensor


def draw_pixels(n: int, size: int, count: int, generator: torch.Generator) -> Tensor:
    """Draw `count` distinct pixels of a `size` x `size` map for each of `n` images.

    Returns row-major indices, int (n, count); all pixels in order, (n, size**2), if `count` is at least size**2.
    """
    if count >= size * size:
        return torch.arange(size * size).expand(n, -1)
    return torch.rand(n, size * size, generator=generator).argsort(1)[:, :count]


def patches(x: Tensor, pixels: Tensor, stride: int = 1) -> Tensor:
    """3x3 input windows (padding 1) of a convolution at some of its output pixels.

    Args:
        x: input, (n, channels, h, w).
        pixels: row-major indices of output pixels, int (n, count).
        stride: stride of the convolution.

    Returns:
        (n * count, 9 * channels), ordered tap by tap, then channel by channel.
    """
    n, channels, height, width = x.shape
    offsets = torch.arange(-1, 2, device=x.device)
    rows = (pixels // (width // stride) * stride)[:, :, None, None] + offsets[:, None]
    columns = (pixels % (width // stride) * stride)[:, :, None, None] + offsets
    outside = (rows < 0) | (rows >= height) | (columns < 0) | (columns >= width)
    inputs = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    windows = pixel_values(x, inputs.view(n, -1))
    windows.index_fill_(0, outside.flatten().nonzero().squeeze(1), 0.0)
    return windows.view(-1, 9 * channels)


def convolve(x: Tensor, weight: Tensor, bias: Tensor, stride: int = 1) -> Tensor:
    """3x3 convolution with padding 1 on the device of `x` (n, inputs, h, w), in channels-last memory format.

    `weight` (outputs, inputs, 3, 3) and `bias` (outputs,) may be on another device.
    """
    weight = weight.to(x.device, memory_format=torch.channels_last)
    return F.conv2d(x, weight, bias.to(x.device), stride=stride, padding=1)


def pixel_values(x: Tensor, pixels: Tensor) -> Tensor:
    """Values of all channels of `x` at some pixels of each image, (n * count, channels).

    `x` is (n, channels, h, w), channels last in memory; `pixels` are row-major indices, int (n, count).
    """
    n, channels, height, width = x.shape
    first = torch.arange(0, n * height * width, height * width, device=x.device)
    return x.permute(0, 2, 3, 1).reshape(-1, channels).index_select(0, (first[:, None] + pixels).flatten())
