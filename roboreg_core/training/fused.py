"""A training network's forward pass on a CPU with batch norm, ReLU and the residual sum fused.

It computes what `ResNet20.forward` does in training mode, to rounding, and moves the running statistics as well.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from roboreg_core import openmp
from roboreg_core.device import Precision
from roboreg_core.model.resnet import LambdaLayer, ResNet20
from roboreg_core.openmp import PAGE, addresses, launch


def forward(model: ResNet20, inputs: Tensor, precision: Precision) -> Tensor:
    """Logits (n, 10) of a network in training mode on prepared images (n, 3, 32, 32); both are float32.

    In bfloat16 it is computed as under autocast.

    The output of each block goes two ways, into a convolution and round it. It is handed out twice, so that the two
    gradients that come back are added where they are read and not in a pass of their own.
    """
    blocks = model.blocks
    after = [*(block.shortcut for block in blocks[1:]), nn.Identity()]
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        x, way_round = batch_norm_relu(model.conv1(inputs), model.bn1, stride=_stride(blocks[0].shortcut))
        for block, following in zip(blocks, after, strict=True):
            inner, _ = batch_norm_relu(block.conv1(x), block.bn1)
            residual = _widened(way_round, block.shortcut)
            x, way_round = batch_norm_relu(block.conv2(inner), block.bn2, residual, stride=_stride(following))
        logits: Tensor = model.linear(x.mean(dim=(2, 3)))
    return logits


def _stride(shortcut: nn.Module) -> int:
    return 2 if isinstance(shortcut, LambdaLayer) else 1


def _widened(way_round: Tensor, shortcut: nn.Module) -> Tensor:
    """What `shortcut` makes of the pixels that it takes."""
    if not isinstance(shortcut, LambdaLayer):
        return way_round
    return F.pad(way_round, (0, 0, 0, 0, shortcut.pad, shortcut.pad))


def kernels() -> ModuleType | None:
    """The compiled kernels; None where numba or torch's OpenMP library is not there, and torch has to do."""
    return openmp.kernels("roboreg_core.training.kernels")


def batch_norm_relu(
    x: Tensor, norm: nn.BatchNorm2d, residual: Tensor | None = None, *, stride: int = 1
) -> tuple[Tensor, Tensor]:
    """relu(norm(x) + residual) (n, c, h, w), typed as `x`, and of it every `stride`-th pixel; moves running statistics.

    Args:
        x: (n, c, h, w), bfloat16 or float32.
        norm: in training mode, with a momentum.
        residual: as `x`.
        stride: of the second output, which shares the first one's memory.

    The first output must go into one operation and the second into at most one: their gradients are changed in place.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    if residual is not None:
        residual = residual.contiguous(memory_format=torch.channels_last)
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    out: tuple[Tensor, Tensor] = _BatchNormReLU.apply(x, residual, norm.weight, norm.bias, norm, stride)
    return out


def _known() -> ModuleType:
    compiled = kernels()
    assert compiled is not None
    return compiled


@lru_cache(maxsize=8)
def _settings(momentum: float, eps: float) -> Any:
    return (ctypes.c_double * 2)(momentum, eps)


def _shape(x: Tensor) -> tuple[int, int, int, int]:
    """Threads, rows, numbers in a row, channels."""
    length = _known().row_length(x.numel(), x.shape[1])
    return torch.get_num_threads(), x.numel() // length, length, x.shape[1]


class _BatchNormReLU(torch.autograd.Function):
    """relu(batch norm of x + residual), whole and every `stride`-th pixel of it; channels last.

    Backward changes the gradients that it is given in place: `forward` above hands each output to one reader only, so
    nobody else looks at them.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, residual: Tensor | None, gamma: Tensor, beta: Tensor, norm: nn.BatchNorm2d, stride: int
    ) -> tuple[Tensor, Tensor]:
        of = _known().of(x.dtype)
        assert norm.momentum is not None  # None would mean a plain mean over all batches
        threads, _, length, _ = shape = _shape(x)
        sums, known, y = torch.empty(threads, 2 * length + PAGE), torch.empty(4, length), torch.empty_like(x)
        batch = addresses(x, sums, gamma, beta, norm.running_mean, norm.running_var)
        settings = ctypes.addressof(_settings(norm.momentum, norm.eps))
        launch(of.forward_sums, *shape, *batch, settings, known.data_ptr())
        launch(of.forward_apply, *shape, *addresses(x, known, residual, y))
        ctx.save_for_backward(x, y, known)
        ctx.has_residual = residual is not None
        ctx.stride = stride
        ctx.set_materialize_grads(False)
        return y, y[:, :, ::stride, ::stride]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        x, y, known = ctx.saved_tensors
        of = _known().of(x.dtype)
        dy, second = gradients
        if dy is None:
            raise RuntimeError("the whole output of a fused batch norm must be used, got a gradient for neither or one")
        dy = dy.contiguous(memory_format=torch.channels_last)
        if second is not None and ctx.stride > 1:
            dy[:, :, :: ctx.stride, :: ctx.stride] += second
            second = None
        if second is not None:
            second = second.contiguous(memory_format=torch.channels_last)
        threads, _, length, channels = shape = _shape(x)
        sums, terms, d = torch.empty(threads, 2 * length + PAGE), torch.empty(3, length), torch.empty(2, channels)
        # Between a block's convolutions the ReLU is done again: cheaper than writing and reading what is behind it.
        again = not ctx.has_residual and second is None
        activations = addresses(x, None if again else y, dy, second)
        launch(of.backward_sums, *shape, *activations, *addresses(sums, known, terms, d))
        # Memory that was just read is in the cache: dx takes the place of a gradient that is no longer needed.
        dx = second if second is not None else None if again else torch.empty_like(x)
        launch(of.backward_apply, *shape, *addresses(x, dy, terms, dx, known))
        return dy if dx is None else dx, dy if ctx.has_residual else None, d[0], d[1], None, None
