"""A 3x3 convolution that is prepared once and passed over many batches of images; nothing is learnt through it.

On a CPU a float32 convolution of small images with many channels is computed by Winograd's transforms where the kernels
for them are there, in two thirds to half of the time that oneDNN takes; all others are torch's.
"""

from __future__ import annotations

import threading
from functools import cached_property
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roboreg_core.openmp import addresses, kernels, launch

# What is saved grows with the pairs of channels; what is added, passes over evaluated tiles, with the channels. On two
# cores 16 channels one way and 32 the other take as long as with torch or a fifth longer, 16 and 64 no longer.
PAYS = 11
# Numbers of a batch's evaluated tiles, at most: 37 MB. More images go in several turns.
SCRATCH = 36 * 256_000
_SCRATCH = threading.local()


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
            and inputs * outputs >= PAYS * (inputs + outputs)
        )

    @cached_property
    def _transformed(self) -> Tensor:
        return _known().transformed(self._weight)

    def _through_tiles(self, x: Tensor, residual: Tensor | None, relu: bool) -> Tensor:
        n, inputs, size, _ = x.shape
        outputs, tiles, threads = len(self._weight), (size // 4) ** 2, torch.get_num_threads()
        x = x.contiguous(memory_format=torch.channels_last)
        if residual is not None:
            residual = residual.contiguous(memory_format=torch.channels_last)
        out = torch.empty(n, size, size, outputs).permute(0, 3, 1, 2)
        most = max(1, SCRATCH // (36 * tiles * max(inputs, outputs)))
        for first in range(0, n, most):
            part = slice(first, min(first + most, n))
            count = part.stop - first
            evaluated = _scratch("evaluated", 36 * count * tiles * inputs).view(36, count * tiles, inputs)
            products = _scratch("products", 36 * count * tiles * outputs).view(36, count * tiles, outputs)
            launch(_known().evaluate, threads, count, inputs, outputs, *addresses(x[part], evaluated), size)
            torch.bmm(evaluated, self._transformed, out=products)
            after = addresses(products, self._bias, residual[part] if residual is not None else None, out[part])
            launch(_known().interpolate, threads, count, inputs, outputs, *after, size, int(relu))
        return out


def _scratch(name: str, size: int) -> Tensor:
    """Memory for `size` numbers, the thread's own and the same from call to call: new memory costs page faults."""
    held: Tensor | None = getattr(_SCRATCH, name, None)
    if held is None or held.numel() < size:
        with torch.inference_mode(False):  # else it could not be written to outside of that mode
            held = torch.empty(size)
        setattr(_SCRATCH, name, held)
    return held[:size]


def _kernels() -> ModuleType | None:
    return kernels("roboreg_core.winograd")


def _known() -> ModuleType:
    compiled = _kernels()
    assert compiled is not None
    return compiled
