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


def moments(batches: Iterable[tuple[Tensor, Tensor]]) -> Moments:
    """Moments of float32 batches of inputs (n, n_inputs) and targets (n, n_targets), accumulated in float64."""
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
    """Bands of the upper triangle of X'X for `rows` X (n, size), for `gram_of`; bands of batches may be added."""
    size = rows.shape[1]
    cuts = [size * band // BANDS for band in range(BANDS + 1)]
    return [rows[:, start:end].T @ rows[:, start:] for start, end in itertools.pairwise(cuts)]


def gram_of(bands: Sequence[Tensor], out: Tensor | None = None) -> Tensor:
    """The symmetric matrix (size, size) with the bands of `gram_bands`, written to `out` if given."""
    size = bands[0].shape[1]
    gram = bands[0].new_empty(size, size) if out is None else out
    for band in bands:
        height, width = band.shape
        start = size - width
        gram[start : start + height, start:] = band
        gram[start + height :, start : start + height] = band[:, height:].T
    return gram


def channel_rows(channels: Tensor) -> Tensor:
    """Rows (n * 9,) of the unknowns of `channels` (n,) in a problem with 9 unknowns per channel."""
    return (channels[:, None] * TAPS + torch.arange(TAPS)).reshape(-1)


def to_unknowns(weight: Tensor, bias: Tensor) -> Tensor:
    """Weight (n_targets, channels, 3, 3) and bias (n_targets,) as one matrix (9 * channels + 1, n_targets)."""
    return torch.cat([weight.flatten(1).T, bias[None]])


def ridge(given: Moments, prior: Tensor) -> Tensor:
    """Ridge regression with the penalty on the distance from `prior` in place of zero.

    Args:
        given: moments of inputs and targets.
        prior: weights, (n_inputs + 1, n_targets); the intercept is not penalised.

    Returns:
        Weights, float64, of the shape of `prior`; their error is at most that of `prior`.
    """
    return solve(*normal_equations(given, prior))


def error(given: Moments, weights: Tensor) -> float:
    """Mean squared error of predicting the targets with `weights`, summed over targets."""
    residual = given.energy - 2 * (weights * given.cross).sum(0) + (weights * (given.gram @ weights)).sum(0)
    return float(residual.sum())


def normal_equations(given: Moments, prior: Tensor) -> tuple[Tensor, Tensor]:
    """Matrix and right-hand side of the normal equations that `ridge` solves."""
    size = len(given.gram) - 1
    # The constant keeps the matrix regular if every channel is zero on all images.
    penalty = RIDGE * float(given.gram.diagonal()[:size].mean()) + 1e-12
    matrix, right = given.gram.clone(), given.cross.clone()
    matrix.diagonal()[:size] += penalty
    right[:size] += penalty * prior[:size].double()
    return matrix, right


def inverse(matrix: Tensor) -> Tensor:
    """Inverse of a symmetric positive definite matrix, by Cholesky if rounding permits."""
    factor, failed = torch.linalg.cholesky_ex(matrix)
    return torch.linalg.inv(matrix) if failed else torch.cholesky_inverse(factor)


def solve(matrix: Tensor, right: Tensor) -> Tensor:
    """Solution of `matrix @ x = right`, symmetric positive definite, by Cholesky if rounding permits."""
    factor, failed = torch.linalg.cholesky_ex(matrix)
    return torch.linalg.solve(matrix, right) if failed else torch.cholesky_solve(right, factor)
