"""Ridge regression over the channels of a 3x3 convolution, from second moments of its inputs and targets.

With the moments, another set of channels costs a solve and no pass over images (compare He et al. 2017, Channel
Pruning, and Luo et al. 2017, ThiNet). Unknowns are ordered like `weight.flatten(1)`, channel by channel, then the
intercept.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Taps of a 3x3 convolution: unknowns per channel.
TAPS = 9
# Ridge penalty as a share of the mean of the Gram matrix's diagonal.
RIDGE = 1e-4
# Bands in which a Gram matrix is computed; with six its symmetry saves two fifths of the work.
BANDS = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """Second moments of inputs (with an intercept last) and targets, as float64 means over samples.

    Attributes:
        gram: X'X / n, (n_inputs + 1, n_inputs + 1).
        cross: X'Y / n, (n_inputs + 1, n_targets).
        energy: mean squares of the targets, (n_targets,).
    """

    gram: Tensor
    cross: Tensor
    energy: Tensor

    def by_channel(self) -> Moments:
        """Reorder the inputs of a convolution from tap by tap (as `patches` gives them) to channel by channel."""
        size = len(self.gram) - 1
        return self.take(torch.arange(size).view(TAPS, -1).T.reshape(-1))

    def take(self, inputs: Tensor) -> Moments:
        """Moments of the inputs with these indices, int (n,), and the intercept."""
        rows = torch.cat([inputs, torch.tensor([len(self.gram) - 1])])
        return Moments(gram=self.gram[rows][:, rows], cross=self.cross[rows], energy=self.energy)


def second_moments(batches: Iterable[tuple[Tensor, Tensor]]) -> Moments:
    """Second moments of float32 batches of inputs (n, n_inputs) and targets (n, n_targets), accumulated in float64."""
    totals: list[Tensor] = []
    count = 0
    for inputs, targets in batches:
        products = [inputs.T @ targets, *gram_bands(inputs)]
        products += [inputs.sum(0), targets.sum(0), targets.square().sum(0)]
        totals = totals or [torch.zeros_like(each, dtype=torch.float64) for each in products]
        for total, each in zip(totals, products, strict=True):
            total.add_(each)
        count += len(inputs)
    cross, *bands, input_means, target_means, energy = (total.cpu().div_(count) for total in totals)
    gram = input_means.new_ones(len(input_means) + 1, len(input_means) + 1)
    gram_of(bands, out=gram[:-1, :-1])
    gram[-1, :-1] = gram[:-1, -1] = input_means
    return Moments(gram=gram, cross=torch.cat([cross, target_means[None]]), energy=energy)


def gram_bands(rows: Tensor) -> list[Tensor]:
    """Upper triangle of X'X for X = `rows` (n, size), as horizontal bands that `gram_of` joins into a matrix.

    X'X of several batches is the sum of their bands, added band by band.
    """
    size = rows.shape[1]
    cuts = [size * band // BANDS for band in range(BANDS + 1)]
    return [rows[:, start:end].T @ rows[:, start:] for start, end in itertools.pairwise(cuts)]


def gram_of(bands: Sequence[Tensor], out: Tensor | None = None) -> Tensor:
    """Join the bands of `gram_bands` into the symmetric matrix (size, size), written to `out` unless it is None."""
    size = bands[0].shape[1]
    gram = bands[0].new_empty(size, size) if out is None else out
    for band in bands:
        height, width = band.shape
        start = size - width
        gram[start : start + height, start:] = band
        gram[start + height :, start : start + height] = band[:, height:].T
    return gram


def channel_rows(channels: Tensor) -> Tensor:
    """Indices, int (9 * n,), of the nine unknowns of each channel in `channels`, int (n,)."""
    return (channels[:, None] * TAPS + torch.arange(TAPS)).reshape(-1)


def to_unknowns(weight: Tensor, bias: Tensor) -> Tensor:
    """Stack weight (n_targets, channels, 3, 3) and bias (n_targets,) into a matrix (9 * channels + 1, n_targets)."""
    return torch.cat([weight.flatten(1).T, bias[None]])


def ridge(moments: Moments, prior: Tensor) -> Tensor:
    """Ridge regression with the penalty on the distance from `prior` in place of zero.

    Args:
        moments: second moments of inputs and targets.
        prior: weights with the intercept last, (n_inputs + 1, n_targets); the intercept is not penalised.

    Returns:
        Weights, float64, of the shape of `prior`; their error is at most that of `prior`.
    """
    return solve(*normal_equations(moments, prior))


def error(moments: Moments, weights: Tensor) -> float:
    """Mean squared error of predicting the targets with `weights` (n_inputs + 1, n_targets), summed over targets."""
    residual = moments.energy - 2 * (weights * moments.cross).sum(0) + (weights * (moments.gram @ weights)).sum(0)
    return float(residual.sum())


def normal_equations(moments: Moments, prior: Tensor) -> tuple[Tensor, Tensor]:
    """Normal equations that `ridge` solves for the same arguments.

    Returns their matrix (n_inputs + 1, n_inputs + 1) and right-hand side (n_inputs + 1, n_targets).
    """
    size = len(moments.gram) - 1
    # The constant keeps the matrix regular if every channel is zero on all images.
    penalty = RIDGE * float(moments.gram.diagonal()[:size].mean()) + 1e-12
    matrix, right = moments.gram.clone(), moments.cross.clone()
    matrix.diagonal()[:size] += penalty
    right[:size] += penalty * prior[:size].double()
    return matrix, right


def inverse(matrix: Tensor) -> Tensor:
    """Invert a symmetric positive definite matrix, by Cholesky unless rounding makes it fail."""
    factor, failed = torch.linalg.cholesky_ex(matrix)
    return torch.linalg.inv(matrix) if failed else torch.cholesky_inverse(factor)


def solve(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve `matrix @ x = right`, with a positive definite matrix, by Cholesky unless rounding makes it fail."""
    factor, failed = torch.linalg.cholesky_ex(matrix)
    return torch.linalg.solve(matrix, right) if failed else torch.cholesky_solve(right, factor)
