"""A 3x3 convolution that is prepared once and passed over many batches of images; nothing is learnt through it.

On a CPU a float32 convolution of 16 channels or more is computed by Winograd's transforms where the kernels for them
are there, in nine tenths to half of the time that oneDNN takes; all others are torch's.
"""

from __future__ import annotations

from functools import cached_property
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roboreg_core.openmp import addresses, kernels, launch, sgemm

# Numbers of the tiles that a thread has under way: half a megabyte stays in a processor's second cache.
SCRATCH = 128_000


class Convolution:
    """relu(conv(x) + bias + residual), where residual and ReLU may be left out; padding is 1."""

    def __init__(self, weight: Tensor, bias: Tensor, stride: int = 1) -> None:
        """From a weight (outputs, inputs, 3, 3) and a bias (outputs,), on any device."""
        self._weight = weight.detach().contiguous(memory_format=torch.channels_last)
        self._bias = bias.detach().contiguous()
        self._stride = stride

    @classmethod
    def of(cls, layer: nn.Conv2d) -> Convolution:
        """The 3x3 convolution that a layer with a bias computes."""
        assert layer.bias is not None
        return cls(layer.weight, layer.bias, layer.stride[0])

    @torch.no_grad()
    def __call__(self, x: Tensor, residual: Tensor | None = None, *, relu: bool = False) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, h / stride, w / stride), channels last, new memory.

        `x` may be on any device; `residual` is as what comes out.
        """
        if self._by_tiles(x):
            return self._through_tiles(x, residual, relu)
        weight, bias = self._weight.to(x.device), self._bias.to(x.device)
        out = F.conv2d(x, weight, bias, stride=self._stride, padding=1)
        if residual is not None:
            out += residual
        return out.relu_() if relu else out

    def _by_tiles(self, x: Tensor) -> bool:
        outputs, inputs = self._weight.shape[:2]
        height, width = x.shape[2:]
        compiled = _kernels()
        return (
            x.device.type == "cpu"
            and x.dtype is torch.float32
            and self._stride == 1
            and height == width
            and compiled is not None
            and height % compiled.TILE == 0
            and min(inputs, outputs) >= compiled.VECTOR
            and sgemm() is not None
        )

    @cached_property
    def _transformed(self) -> Tensor:
        return _known().transformed(self._weight)

    def _through_tiles(self, x: Tensor, residual: Tensor | None, relu: bool) -> Tensor:
        n, inputs, size, _ = x.shape
        outputs, threads, gemm = len(self._weight), torch.get_num_threads(), sgemm()
        assert gemm is not None
        x = x.contiguous(memory_format=torch.channels_last)
        if residual is not None:
            residual = residual.contiguous(memory_format=torch.channels_last)
        out = torch.empty(n, size, size, outputs).permute(0, 3, 1, 2)
        each = _known().evaluated_numbers(size, inputs, outputs)
        images = max(1, min(SCRATCH // each, -(-n // threads)))
        scratch = torch.empty(threads, images * each)
        arrays = addresses(x, self._transformed, self._bias, residual, out, scratch)
        launch(_known().convolve, threads, n, inputs, outputs, *arrays, size, int(relu), images, gemm)
        return out


def _kernels() -> ModuleType | None:
    return kernels("roboreg_core.winograd")


def _known() -> ModuleType:
    compiled = _kernels()
    assert compiled is not None
    return compiled
