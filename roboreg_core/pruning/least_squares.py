"""Ridge least squares over the channels of a convolution: the weights that fit best.

Everything is computed from second moments, so that another choice of channels costs a solve and no pass over images.
Unknowns are ordered as `weight.flatten(1)` orders them, channel by channel, with one constant at the end.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Taps of a 3x3 convolution: unknowns a channel.
TAPS = 9
# Added to the diagonal of the Gram matrix, as a share of its mean: what is not determined stays where it was.
RIDGE = 1e-4
# A Gram matrix is symmetric: computed in so many bands, each from its diagonal on, two fifths of the work fall away.
BANDS = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """Second moments of inputs with a constant at their end, and of targets, as means over samples, in float64.

    Attributes:
        gram: (n_inputs + 1, n_inputs + 1).
        cross: (n_inputs + 1, n_targets).
        energy: (n_targets,), mean squares of the targets.
    """

    gram: Tensor
    cross: Tensor
    energy: Tensor

    def by_channel(self) -> Moments:
        """The same with the inputs of a convolution put from tap by tap into channel by channel."""
        size = len(self.gram) - 1
        return self.take(torch.arange(size).view(TAPS, -1).T.reshape(-1))

    def take(self, rows: Tensor) -> Moments:
        """The moments of some inputs; `rows` (n,) without the constant, which stays."""
        rows = torch.cat([rows, torch.tensor([len(self.gram) - 1])])
        return Moments(gram=self.gram[rows][:, rows], cross=self.cross[rows], energy=self.energy)


def moments(parts: Iterable[tuple[Tensor, Tensor]]) -> Moments:
    """Moments of `parts` of inputs (n, n_inputs) and targets (n, n_targets), float32, summed up in float64."""
    totals: list[Tensor] = []
    count = 0
    for inputs, targets in parts:
        products = [inputs.T @ targets, *gram_bands(inputs)]
        products += [inputs.sum(0), targets.sum(0), targets.square().sum(0)]
        totals = totals or [torch.zeros_like(each, dtype=torch.float64) for each in products]
        for total, each in zip(totals, products, strict=True):
            total.add_(each)
        count += len(inputs)
    cross, *bands, sums, wanted, energy = (total.cpu().div_(count) for total in totals)
    gram = sums.new_ones(len(sums) + 1, len(sums) + 1)
    gram_of(bands, out=gram[:-1, :-1])
    gram[-1, :-1] = gram[:-1, -1] = sums
    return Moments(gram=gram, cross=torch.cat([cross, wanted[None]]), energy=energy)


def gram_bands(rows: Tensor) -> list[Tensor]:
    """The Gram matrix of `rows` (n, size) as bands of its lines, each from the diagonal on; they may be summed up."""
    size = rows.shape[1]
    cuts = [size * band // BANDS for band in range(BANDS + 1)]
    return [rows[:, start:end].T @ rows[:, start:] for start, end in itertools.pairwise(cuts)]


def gram_of(bands: Sequence[Tensor], out: Tensor | None = None) -> Tensor:
    """The Gram matrix (size, size) whose bands `gram_bands` computed, in `out` where that is given."""
    size = bands[0].shape[1]
    gram = bands[0].new_empty(size, size) if out is None else out
    for band in bands:
        height, width = band.shape
        start = size - width
        gram[start : start + height, start:] = band
        gram[start + height :, start : start + height] = band[:, height:].T
    return gram


def channel_rows(channels: Tensor) -> Tensor:
    """The unknowns of these channels: (n,) -> (n * 9,)."""
    return (channels[:, None] * TAPS + torch.arange(TAPS)).reshape(-1)


def ridge(of: Moments, start: Tensor) -> Tensor:
    """The weights (n_inputs + 1, n_targets), float64, with the least squared error, pulled towards `start`.

    `start` has the same shape; its constant is not pulled. The error never exceeds that of `start`.
    """
    regular, right = regularised(of, start)
    return solved(regular, right)


def error(of: Moments, weights: Tensor) -> float:
    """Mean squared error of `weights`, summed over targets."""
    residual = of.energy - 2 * (weights * of.cross).sum(0) + (weights * (of.gram @ weights)).sum(0)
    return float(residual.sum())


def inverse_of(regular: Tensor) -> Tensor:
    """The inverse of a regularised Gram matrix, by Cholesky's factors in two thirds of the general way's time."""
    factor, failed = torch.linalg.cholesky_ex(regular)
    return torch.linalg.inv(regular) if failed else torch.cholesky_inverse(factor)


def solved(regular: Tensor, right: Tensor) -> Tensor:
    """The solution of equations with a regularised Gram matrix, by Cholesky's factors in half of the general way."""
    factor, failed = torch.linalg.cholesky_ex(regular)
    return torch.linalg.solve(regular, right) if failed else torch.cholesky_solve(right, factor)


def regularised(of: Moments, start: Tensor) -> tuple[Tensor, Tensor]:
    """Both sides of the regularised normal equations."""
    size = len(of.gram) - 1
    # Never nothing: with channels that are zero on every image the equations would have no single solution.
    weight = RIDGE * float(of.gram.diagonal()[:size].mean()) + 1e-12
    regular, right = of.gram.clone(), of.cross.clone()
    regular.diagonal()[:size] += weight
    right[:size] += weight * start[:size].double()
    return regular, right
