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

from roboreg_core.pruning.inner import Inner
from roboreg_core.pruning.least_squares import TAPS, Moments, by_onednn
from roboreg_core.pruning.refit import split

# Added to the diagonal of each filter's equations, as a share of it: a step is right only as far as the pattern holds.
DAMPING = 1e-2
# Of conv2's nine taps only the strongest combinations steer a step; whether it helps is measured with all of them.
RANK = 2
# Places whose channels, read by every filter, stay in a core's cache.
IN_CACHE = 250
# Shares of the solved step that are tried, until one lowers the error.
SHARES = (1.0, 0.5)


@dataclass(frozen=True, kw_only=True, eq=False)
class Around:
    """What conv2 sees at some places of the block's output, before the ReLU.

    Attributes:
        channels: (n, 9, width + 1), all channels and a one behind them, tap by tap; all zero outside of the image.
        wanted: (n, outputs), what conv2 and its batch norm should answer there.
    """

    channels: Tensor
    wanted: Tensor

    @classmethod
    def of(cls, rows: Tensor, inside: Tensor, wanted: Tensor) -> Around:
        """From patches of the channels (n, 9 * width), of a map of ones (n, 9), and what is wanted (n, outputs)."""
        channels = torch.cat([rows.view(len(rows), TAPS, -1), inside[:, :, None]], dim=2)
        return cls(channels=channels.cpu(), wanted=wanted.cpu())

    @classmethod
    def joined(cls, parts: Sequence[Around]) -> Around:
        """All parts in one."""
        channels = torch.cat([part.channels for part in parts])
        return cls(channels=channels, wanted=torch.cat([part.wanted for part in parts]))


def pure(kept: Tensor, width: int) -> Tensor:
    """Mixtures that leave each kept filter, int (k,), what it is: (k, width + 1)."""
    return F.one_hot(kept, width + 1).float()


def blend(around: Around, mixtures: Tensor, weights: Tensor) -> Tensor:
    """Better mixtures: every filter once, the loudest first.

    Args:
        around: the channels of all filters, and what is wanted.
        mixtures: (k, width + 1) before: shares of all filters, and a constant.
        weights: conv2 and its bias as unknowns, (9 * k + 1, outputs).

    Returns:
        (k, width + 1). The squared error of the block's output at these places is never larger than before.
    """
    n, taps, size = around.channels.shape
    flat = around.channels.view(n * taps, size)
    mixtures, weights = mixtures.clone(), weights.float()
    reads = weights[:-1].view(len(mixtures), taps, -1)
    with by_onednn():
        before = (mixtures @ flat.T).view(-1, n, taps)
    hidden = before.relu()
    grams = _grams(around.channels, hidden > 0, reads)
    residual = around.wanted - weights[-1] - hidden.permute(1, 0, 2).reshape(n, -1) @ reads.flatten(0, 1)
    loudness = hidden.square().mean((1, 2)) * reads.square().sum((1, 2))
    lowest = _energy(residual)
    for one in loudness.argsort(descending=True).tolist():
        with by_onednn():
            right = ((residual @ reads[one].T) * (hidden[one] > 0)).view(-1) @ flat
            step = torch.linalg.solve(grams[one], right)
            change = (flat @ step).view(n, taps)
        for share in SHARES:
            answer = torch.add(before[one], change, alpha=share).relu_()
            left = torch.addmm(residual, answer - hidden[one], reads[one], alpha=-1)
            error = _energy(left)
            if error < lowest:
                mixtures[one] += share * step
                residual, lowest = left, error
                break
    return mixtures


def _grams(channels: Tensor, active: Tensor, reads: Tensor) -> Tensor:
    """The left side of each filter's equations while its pattern holds, (k, size, size).

    `channels` (n, 9, size), `active` (k, n, 9), `reads` (k, 9, outputs). A filter's pattern only changes when it is its
    turn, so this is done for all at once: channels go through the cache once, not once a filter.
    """
    size = channels.shape[2]
    values, vectors = torch.linalg.eigh(reads @ reads.transpose(1, 2))
    strongest = (vectors[:, :, -RANK:] * values[:, None, -RANK:].clamp_min(0).sqrt()).permute(2, 0, 1)
    grams = channels.new_zeros(len(reads), size, size)
    active = active.transpose(0, 1)
    for first in range(0, len(channels), IN_CACHE):
        part = slice(first, first + IN_CACHE)
        for combination in strongest:
            with by_onednn():
                rows = ((active[part] * combination) @ channels[part]).transpose(0, 1)
                grams.baddbmm_(rows.transpose(1, 2), rows)
    own = grams.diagonal(dim1=1, dim2=2)
    # Never nothing: where a channel is zero on every image the equations would have no single solution.
    own.add_(DAMPING * own + 1e-6 * own.mean(1, keepdim=True) + 1e-12)
    return grams


def _energy(values: Tensor) -> Tensor:
    """The sum of all squares."""
    flat = values.view(-1)
    return flat @ flat


def mixed(inner: Inner, kept: Inner, mixtures: Tensor, around: Around) -> Inner:
    """`kept` with the filters that `mixtures` (k, width + 1) make of those of `inner`, batch norm's statistics true."""
    weight, bias = (part.double() for part in inner.folded())
    middle = around.channels[:, TAPS // 2].double()
    of = Moments(gram=middle.T @ middle / len(middle), cross=middle.new_empty(0), energy=middle.new_empty(0))
    new = split(mixtures.double().T, of, kept.scale, kept.eps)
    # The channels that were mixed had their bias in them; what conv1 answers has not.
    mean = new.mean - new.weight @ bias.float()
    conv1 = (new.weight.double() @ weight.flatten(1)).float().view_as(kept.conv1)
    return replace(kept, conv1=conv1.contiguous(), gamma=new.gamma, beta=new.beta, mean=mean, var=new.var)
