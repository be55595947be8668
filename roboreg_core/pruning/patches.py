"""What a 3x3 convolution sees at some places of some images, as rows of a matrix."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.openmp import addresses, kernels, launch


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
    compiled = kernels("roboreg_core.pruning.kernels")
    if compiled is not None and x.device.type == "cpu" and x.dtype is torch.float32:
        x, places = x.contiguous(memory_format=torch.channels_last), places.contiguous()
        rows = torch.empty(places.numel(), 9 * channels)
        shape = (torch.get_num_threads(), n, channels, places.shape[1])
        launch(compiled.gather, *shape, *addresses(x, places, rows), height, width, stride)
        return rows
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1)).contiguous()
    image, row, column, _ = padded.stride()
    out = (height // stride, width // stride)
    windows = padded.as_strided((n, *out, 3, 3, channels), (image, stride * row, stride * column, row, column, 1))
    rows = windows[torch.arange(n)[:, None], places // out[1], places % out[1]]
    return rows.view(-1, 9 * channels)


def values(x: Tensor, places: Tensor) -> Tensor:
    """Rows (n * count, channels) of `x` (n, channels, h, w) at `places` (n, count)."""
    pixels = x.permute(0, 2, 3, 1).flatten(1, 2)
    return pixels.gather(1, places[:, :, None].expand(-1, -1, x.shape[1])).flatten(0, 1)
