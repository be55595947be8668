"""Lets the filters that stay take over what the dropped ones saw: each becomes a mixture of all filters of its block.

A filter's mixture acts on the block's output through a ReLU. With the ReLU's pattern held (where the filter is active
and where not) it acts linearly, and the mixture that serves the output best is a small ridge least-squares problem. It
is solved for one filter after the other, and taken only where the error, the ReLU counted truly, falls (Gauss-Newton's
method, one filter at a time). There is no label and no rate, and images only run forwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.pruning.block_tensors import BlockTensors
from roboreg_core.pruning.least_squares import TAPS, Moments
from roboreg_core.pruning.refit import split

# Added to the diagonal of each filter's equations, as a share of it: a step is right only as far as the pattern holds.
DAMPING = 1e-2
# Of conv2's nine taps only the strongest combinations steer a step; whether it helps is measured with all of them.
RANK = 2
# Places at once: few enough that what the filters see there stays in a core's cache.
IN_CACHE = 100
# Shares of the solved step that are tried, until one lowers the error.
SHARES = (1.0, 0.5)


@dataclass(frozen=True, kw_only=True, eq=False)
class OutputPatches:
    """What conv2 sees at some places of the block's output, before the ReLU.

    Attributes:
        channels: (n, 9, width + 1), all channels and a one behind them, tap by tap; all zero outside of the image.
        wanted: (n, outputs), what conv2 and its batch norm should answer there.
    """

    channels: Tensor
    wanted: Tensor

    @classmethod
    def of(cls, rows: Tensor, inside: Tensor, wanted: Tensor) -> OutputPatches:
        """From patches of the channels (n, 9 * width), of a map of ones (n, 9), and what is wanted (n, outputs)."""
        channels = torch.cat([rows.view(len(rows), TAPS, -1), inside[:, :, None]], dim=2)
        return cls(channels=channels.cpu(), wanted=wanted.cpu())

    @classmethod
    def joined(cls, parts: Sequence[OutputPatches]) -> OutputPatches:
        """All parts in one."""
        channels = torch.cat([part.channels for part in parts])
        return cls(channels=channels, wanted=torch.cat([part.wanted for part in parts]))


def pure(kept: Tensor, width: int) -> Tensor:
    """Mixtures that leave each kept filter, int (k,), what it is: (k, width + 1)."""
    return F.one_hot(kept, width + 1).float()


def blend(around: OutputPatches, mixtures: Tensor, weights: Tensor) -> Tensor:
    """Better mixtures: every filter once, the loudest first.

    Args:
        around: the channels of all filters, and what is wanted.
        mixtures: (k, width + 1) before: shares of all filters, and a constant.
        weights: conv2 and its bias as unknowns, (9 * k + 1, outputs).

    Returns:
        (k, width + 1). The squared error of the block's output at these places is never larger than before.
    """
    n, taps, size = around.channels.shape
    mixtures, weights = mixtures.clone(), weights.float()
    reads = weights[:-1].view(len(mixtures), taps, -1).contiguous()
    before = (mixtures @ around.channels.view(n * taps, size).T).view(-1, n, taps)
    hidden = before.relu()
    inverses = torch.linalg.inv(_grams(around.channels, hidden, reads))
    residual = torch.addbmm(around.wanted - weights[-1], hidden, reads, alpha=-1).contiguous()
    left = _Residual(around.channels, before, hidden, reads, residual)
    loudness = hidden.square().mean((1, 2)) * reads.square().sum((1, 2))
    for one in loudness.argsort(descending=True).tolist():
        step = inverses[one] @ left.right_hand_side(one)
        for share in SHARES:
            if left.try_step(one, share * step):
                mixtures[one] += share * step
                break
    return mixtures


class _Residual:
    """What the block's output is off by at some places, and how that moves with one filter after the other."""

    def __init__(self, channels: Tensor, before: Tensor, hidden: Tensor, reads: Tensor, residual: Tensor) -> None:
        """Begin with all filters as they are.

        `channels` (n, 9, size), `before` and `hidden` (k, n, 9), before and behind the ReLU, `reads` (k, 9, outputs),
        `residual` (n, outputs); all contiguous.
        """
        self._channels, self._before, self._hidden, self._reads = channels, before, hidden, reads
        self._residual = residual
        self._lowest = _squares(residual)

    def right_hand_side(self, one: int) -> Tensor:
        """Right-hand side of a filter's normal equations, (size,)."""
        weights = (self._residual @ self._reads[one].T) * (self._hidden[one] > 0)
        return weights.view(-1) @ self._channels.flatten(0, 1)

    def try_step(self, one: int, step: Tensor) -> bool:
        """Move a filter's mixture by `step` (size,) if that lowers the error; return whether it did."""
        change = (self._channels.flatten(0, 1) @ step).view_as(self._before[one])
        moved = (self._before[one] + change).relu_() - self._hidden[one]
        left = torch.addmm(self._residual, moved, self._reads[one], alpha=-1)
        error = _squares(left)
        lower = error < self._lowest
        if lower:
            self._residual, self._lowest = left, error
        return lower


def _grams(channels: Tensor, hidden: Tensor, reads: Tensor) -> Tensor:
    """Normal-equation matrix of each filter for a fixed ReLU pattern, (k, size, size).

    `channels` (n, 9, size), `hidden` (k, n, 9), `reads` (k, 9, outputs). All filters are done at once, so that the
    channels pass through the cache once.
    """
    filters, size = len(reads), channels.shape[2]
    values, vectors = torch.linalg.eigh(reads @ reads.transpose(1, 2))
    strongest = vectors[:, :, -RANK:] * values[:, None, -RANK:].clamp_min(0).sqrt()
    combinations = strongest.permute(2, 0, 1).contiguous()
    active = (hidden > 0).transpose(0, 1).contiguous()
    grams = channels.new_zeros(filters, size, size)
    for part, mask in zip(channels.split(IN_CACHE), active.split(IN_CACHE), strict=True):
        # Channels combined over taps where the filter is active: (places, ranks * k, size).
        rows = (mask[:, None] * combinations).flatten(1, 2) @ part
        rows = rows.view(-1, filters, size).transpose(0, 1)
        grams.baddbmm_(rows.transpose(1, 2), rows)
    own = grams.diagonal(dim1=1, dim2=2)
    # Never nothing: where a channel is zero on every image the equations would have no single solution.
    own.add_(DAMPING * own + 1e-6 * own.mean(1, keepdim=True) + 1e-12)
    return grams


def _squares(values: Tensor) -> float:
    """The sum of all squares."""
    flat = values.view(-1)
    return float(flat @ flat)


def mixed(inner: BlockTensors, kept: BlockTensors, mixtures: Tensor, around: OutputPatches) -> BlockTensors:
    """`kept` with the filters that `mixtures` (k, width + 1) make of those of `inner`, batch norm's statistics true."""
    weight, bias = (part.double() for part in inner.folded())
    middle = around.channels[:, TAPS // 2].double()
    of = Moments(gram=middle.T @ middle / len(middle), cross=middle.new_empty(0), energy=middle.new_empty(0))
    new = split(mixtures.double().T, of, kept.scale, kept.eps)
    # The channels that were mixed had their bias in them; what conv1 answers has not.
    mean = new.mean - new.weight @ bias.float()
    conv1 = (new.weight.double() @ weight.flatten(1)).float().view_as(kept.conv1)
    return replace(kept, conv1=conv1.contiguous(), gamma=new.gamma, beta=new.beta, mean=mean, var=new.var)
