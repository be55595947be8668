"""Choice of the input channels of a convolution whose least-squares fit has the lowest error.

Backward elimination, then exchanges of single channels, both on the normal equations of `least_squares`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from roboreg_core.pruning.least_squares import TAPS, Moments, channel_rows, inverse, normal_equations

# Candidates per round of exchanges; most rounds end at the first.
CANDIDATES = 3
# Smallest gain of an exchange as a share of the error; less is rounding.
SMALLEST_GAIN = 1e-9


class BackwardElimination:
    """Drop channels one at a time, each time the one whose removal raises the error of the refitted convolution least.

    Optimal brain surgeon (Hassibi and Stork 1993) with whole channels in place of single weights.
    """

    def __init__(self, moments: Moments, prior: Tensor, labels: Tensor | None = None) -> None:
        """Start from all channels.

        Args:
            moments: second moments of all channels (9 inputs each) and the targets.
            prior: weights that the ridge penalty pulls towards, (9 * n_channels + 1, n_targets).
            labels: cluster of each channel, int (n_channels,), to keep at least one channel of each; None for no
                such constraint.
        """
        matrix, right = normal_equations(moments, prior)
        self._inverse = inverse(matrix)
        self._weights = self._inverse @ right
        self._n = (len(matrix) - 1) // TAPS
        self._rows = channel_rows(torch.arange(self._n)).view(self._n, TAPS)
        self._labels = labels
        self._dropped: list[int] = []

    def down_to(self, k: int) -> Tensor:
        """Indices of the `k` channels to keep, int (k,), ascending; continues from earlier calls with a larger `k`."""
        while len(self._dropped) < self._n - k:
            self._drop_one()
        return self._remaining(self._n - k)

    def _remaining(self, n_dropped: int) -> Tensor:
        remains = torch.ones(self._n, dtype=torch.bool)
        remains[self._dropped[:n_dropped]] = False
        return remains.nonzero().squeeze(1)

    def _drop_one(self) -> None:
        channels, labels = self._remaining(len(self._dropped)), self._labels
        rows = self._rows[channels]
        costs = _removal_costs(self._inverse[rows[:, :, None], rows[:, None, :]], self._weights[rows])
        if labels is not None:
            costs[torch.bincount(labels[channels], minlength=int(labels.max()) + 1)[labels[channels]] == 1] = torch.inf
        dropped = channels[costs.argmin()]
        rows = self._rows[dropped]
        columns = self._inverse[:, rows]
        update = torch.linalg.solve(columns[rows], columns.T)
        self._weights.addmm_(update.T, self._weights[rows], alpha=-1)
        self._inverse.addmm_(columns, update, alpha=-1)
        self._dropped.append(int(dropped))


class KeptChannels(NamedTuple):
    """Kept channels, and the gain of keeping each of the others as well.

    Attributes:
        kept: indices of the kept channels, int (k,), ascending.
        marginal_gains: float64 (n,): decrease of the refitted error with one channel more, as a share of the targets'
            variance; 0 for kept channels.
    """

    kept: Tensor
    marginal_gains: Tensor


def exchange(moments: Moments, prior: Tensor, kept: Tensor) -> KeptChannels:
    """Swap a kept channel for a dropped one while that lowers the error of the least-squares fit.

    Args:
        moments: second moments of all channels (9 inputs each) and the targets.
        prior: weights that the ridge penalty pulls towards, (9 * n_channels + 1, n_targets).
        kept: indices of the channels to start from, int (k,).
    """
    matrix, right = normal_equations(moments, prior)
    fit = _SubsetFit(matrix, right, kept.tolist())
    # Every swap lowers the error, so the loop ends; the bound only limits its time.
    for _ in range(fit.n):
        better = fit.improving_swap()
        if better is None:
            break
        fit = _SubsetFit(matrix, right, better)
    gains = torch.zeros(fit.n, dtype=torch.float64)
    variance = float((moments.energy - moments.cross[-1].square()).sum())
    gains[torch.tensor(fit.others, dtype=torch.long)] = fit.gains.clamp_min(0) / max(variance, 1e-12)
    return KeptChannels(kept=torch.tensor(sorted(fit.kept)), marginal_gains=gains)


class _SubsetFit:
    """Least-squares fit of some channels, and the decrease of its error with each of the other channels.

    A candidate's decrease follows from the Schur complement of its nine unknowns, without another inversion of the
    whole matrix.
    """

    def __init__(self, matrix: Tensor, right: Tensor, kept: list[int]) -> None:
        self.n = (len(matrix) - 1) // TAPS
        self.kept = kept
        self.others = [channel for channel in range(self.n) if channel not in kept]
        fitted = torch.cat([channel_rows(torch.tensor(kept)), torch.tensor([len(matrix) - 1])])
        inverted = inverse(matrix[fitted][:, fitted])
        self._weights = inverted @ right[fitted]
        self._explained = float((self._weights * right[fitted]).sum())
        blocks = torch.arange(len(kept) * TAPS).view(-1, TAPS)
        self._diagonal_blocks = inverted[blocks[:, :, None], blocks[:, None, :]]
        rows = channel_rows(torch.tensor(self.others, dtype=torch.long)).view(len(self.others), TAPS)
        cross = matrix[fitted][:, rows.reshape(-1)]
        projected = (inverted @ cross).view(len(fitted), *rows.shape).transpose(0, 1)
        cross = cross.view(len(fitted), *rows.shape).permute(1, 2, 0)
        self._projected = projected
        self._schur = matrix[rows[:, :, None], rows[:, None, :]] - cross @ projected
        residual = right[rows] - cross @ self._weights
        self._added = torch.linalg.solve(self._schur, residual)
        self.gains = (residual * self._added).sum((1, 2))

    def improving_swap(self) -> list[int] | None:
        """The channels after the first swap found that lowers the error."""
        for candidate in self.gains.argsort(descending=True, stable=True)[:CANDIDATES].tolist():
            projected = self._projected[candidate][:-1].view(len(self.kept), TAPS, TAPS)
            blocks = self._diagonal_blocks + projected @ torch.linalg.inv(self._schur[candidate]) @ projected.mT
            weights = self._weights[:-1].view(len(self.kept), TAPS, -1) - projected @ self._added[candidate]
            costs = _removal_costs(blocks, weights)
            if float(self.gains[candidate] - costs.min()) > SMALLEST_GAIN * abs(self._explained):
                dropped = int(costs.argmin())
                return [*self.kept[:dropped], *self.kept[dropped + 1 :], self.others[candidate]]
        return None


def _removal_costs(blocks: Tensor, weights: Tensor) -> Tensor:
    """Increase of the error without each channel, (n,): w' [H^-1]^-1 w for its block of H^-1 and its weights w.

    `blocks` (n, 9, 9) are diagonal blocks of the inverse of the normal equations, `weights` (n, 9, n_targets).
    """
    # Inverting 9 x 9 blocks takes a third of the time of solving for as many right-hand sides as targets.
    return (weights * (torch.linalg.inv(blocks) @ weights)).sum((1, 2))
