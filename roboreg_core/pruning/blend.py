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
from roboreg_core.pruning.least_squares import TAPS, Moments
from roboreg_core.pruning.refit import split

# Added to the diagonal of each filter's equations, as a share of it: a step is right only as far as the pattern holds.
DAMPING = 1e-2
# Of conv2's nine taps only the strongest combinations steer a step; whether it helps is measured with all of them.
RANK = 2
# Shares of the solved step that are tried, until one lowers the error.
SHARES = (1.0, 0.5)


@dataclass(frozen=True, kw_only=True, eq=False)
class Around:
    """What conv2 sees at some places of the block's output, before the ReLU.

    Attributes:
        channels: (9, n, width + 1), all channels and a one behind them, tap by tap; all zero outside of the image.
        wanted: (n, outputs), what conv2 and its batch norm should answer there.
    """

    channels: Tensor
    wanted: Tensor

    @classmethod
    def of(cls, rows: Tensor, inside: Tensor, wanted: Tensor) -> Around:
        """From patches of the channels (n, 9 * width), of a map of ones (n, 9), and what is wanted (n, outputs)."""
        channels = torch.cat([rows.view(len(rows), TAPS, -1), inside[:, :, None]], dim=2)
        return cls(channels=channels.transpose(0, 1).cpu(), wanted=wanted.cpu())

    @classmethod
    def joined(cls, parts: Sequence[Around]) -> Around:
        """All parts in one."""
        channels = torch.cat([part.channels for part in parts], dim=1)
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
    taps, n, size = around.channels.shape
    flat = around.channels.view(taps * n, size)
    mixtures, weights = mixtures.clone(), weights.float()
    reads = weights[:-1].view(len(mixtures), taps, -1)
    hidden = (mixtures @ flat.T).relu_().view(-1, taps, n)
    residual = around.wanted - weights[-1] - hidden.view(-1, n).T @ reads.flatten(0, 1)
    loudness = hidden.square().mean((1, 2)) * reads.square().sum((1, 2))
    lowest = residual.square().sum()
    for one in loudness.argsort(descending=True).tolist():
        step = _step(around.channels, hidden[one] > 0, reads[one], residual)
        for share in SHARES:
            mixture = mixtures[one] + share * step
            answer = (flat @ mixture).relu_().view(taps, n)
            left = residual - (answer - hidden[one]).T @ reads[one]
            error = left.square().sum()
            if error < lowest:
                mixtures[one], hidden[one], residual, lowest = mixture, answer, left, error
                break
    return mixtures


def _step(channels: Tensor, active: Tensor, reads: Tensor, residual: Tensor) -> Tensor:
    """The change (size,) of one filter's mixture that takes most of the residual away while its pattern holds.

    `channels` (9, n, size), `active` (9, n), `reads` (9, outputs), `residual` (n, outputs).
    """
    taps, n, size = channels.shape
    values, vectors = torch.linalg.eigh(reads @ reads.T)
    strongest = (vectors[:, -RANK:] * values[-RANK:].clamp_min(0).sqrt()).T
    rows = (strongest @ (channels * active[:, :, None]).view(taps, n * size)).view(-1, size)
    gram = rows.T @ rows
    right = ((reads @ residual.T) * active).view(-1) @ channels.view(taps * n, size)
    own = gram.diagonal()
    # Never nothing: where a channel is zero on every image the equations would have no single solution.
    own.add_(DAMPING * own + 1e-6 * own.mean() + 1e-12)
    return torch.linalg.solve(gram, right)


def mixed(inner: Inner, kept: Inner, mixtures: Tensor, around: Around) -> Inner:
    """`kept` with the filters that `mixtures` (k, width + 1) make of those of `inner`, batch norm's statistics true."""
    weight, bias = (part.double() for part in inner.folded())
    middle = around.channels[TAPS // 2].double()
    of = Moments(gram=middle.T @ middle / len(middle), cross=middle.new_empty(0), energy=middle.new_empty(0))
    new = split(mixtures.double().T, of, kept.scale, kept.eps)
    # The channels that were mixed had their bias in them; what conv1 answers has not.
    mean = new.mean - new.weight @ bias.float()
    conv1 = (new.weight.double() @ weight.flatten(1)).float().view_as(kept.conv1)
    return replace(kept, conv1=conv1.contiguous(), gamma=new.gamma, beta=new.beta, mean=mean, var=new.var)
