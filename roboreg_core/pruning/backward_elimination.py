"""Which channels of a convolution to keep, so that what is solved from them errs least.

Unknowns are ordered and regularised as in `least_squares`; nothing here looks at an image.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from roboreg_core.pruning.least_squares import TAPS, Moments, channel_rows, inverse_of, regularised

# A channel that may not be dropped costs this much.
NEVER = float("inf")
# Exchanges are tried with so many candidates a round; most rounds end at the first.
CANDIDATES = 3
# Shares of the error: less is rounding.
SMALLEST_GAIN = 1e-9


def eliminate(of: Moments, start: Tensor, k: int, labels: Tensor | None = None) -> Tensor:
    """The `k` channels that stay when, one at a time, the cheapest one leaves and the others are fitted again.

    Optimal brain surgeon (Hassibi and Stork 1993) with whole channels in place of weights.

    Args:
        of: moments of all channels.
        start: weights before, (n_inputs + 1, n_targets), what ridge pulls towards.
        k: how many stay.
        labels: (n_channels,); where given, the last channel of a cluster never leaves.

    Returns:
        int (k,), ascending.
    """
    return BackwardElimination(of, start, labels).down_to(k)


class BackwardElimination:
    """What `eliminate` does, step by step: for another `k` it goes on from where it was."""

    def __init__(self, of: Moments, start: Tensor, labels: Tensor | None = None) -> None:
        """Begin with all channels; see `eliminate` for the arguments."""
        regular, right = regularised(of, start)
        self._inverse = inverse_of(regular)
        self._weights = self._inverse @ right
        self._n = (len(regular) - 1) // TAPS
        self._rows = channel_rows(torch.arange(self._n)).view(self._n, TAPS)
        self._labels = labels
        self._left: list[int] = []

    def down_to(self, k: int) -> Tensor:
        """The `k` channels that stay, ascending."""
        while len(self._left) < self._n - k:
            self._step()
        return self._staying(self._n - k)

    def _staying(self, steps: int) -> Tensor:
        stays = torch.ones(self._n, dtype=torch.bool)
        stays[self._left[:steps]] = False
        return stays.nonzero().squeeze(1)

    def _step(self) -> None:
        alive, labels = self._staying(len(self._left)), self._labels
        rows = self._rows[alive]
        costs = _costs(self._inverse[rows[:, :, None], rows[:, None, :]], self._weights[rows])
        if labels is not None:
            costs[torch.bincount(labels[alive], minlength=int(labels.max()) + 1)[labels[alive]] == 1] = NEVER
        leaves = alive[costs.argmin()]
        gone = self._rows[leaves]
        columns = self._inverse[:, gone]
        update = torch.linalg.solve(columns[gone], columns.T)
        self._weights.addmm_(update.T, self._weights[gone], alpha=-1)
        self._inverse.addmm_(columns, update, alpha=-1)
        self._left.append(int(leaves))


class KeptChannels(NamedTuple):
    """Channels that stay, int (k,), ascending, and what is lost without each of the others.

    `regrets` (n,), float64: how much the error would fall were one channel more kept and all fitted again, as a share
    of the targets' variance; 0 for the kept ones.
    """

    kept: Tensor
    regrets: Tensor


def exchange(of: Moments, start: Tensor, kept: Tensor) -> KeptChannels:
    """Swap a kept channel for a dropped one as long as that lowers the error.

    Elimination never takes a decision back; this does. See `eliminate` for the arguments; `kept` (k,).
    """
    regular, right = regularised(of, start)
    fit = _Fit(regular, right, kept.tolist())
    # Every swap lowers the error, so this ends; the bound only limits the time.
    for _ in range(fit.n):
        better = fit.better()
        if better is None:
            break
        fit = _Fit(regular, right, better)
    regrets = torch.zeros(fit.n, dtype=torch.float64)
    variance = float((of.energy - of.cross[-1].square()).sum())
    regrets[torch.tensor(fit.others, dtype=torch.long)] = fit.gains.clamp_min(0) / max(variance, 1e-12)
    return KeptChannels(kept=torch.tensor(sorted(fit.chosen)), regrets=regrets)


class _Fit:
    """The least-squares fit of some channels, and what each of the others would add to it.

    With one channel more, the inverse and the weights change by its nine columns alone (block inversion), so no matrix
    is inverted anew for a candidate.
    """

    def __init__(self, regular: Tensor, right: Tensor, chosen: list[int]) -> None:
        self.n = (len(regular) - 1) // TAPS
        self.chosen = chosen
        self.others = [channel for channel in range(self.n) if channel not in chosen]
        have = torch.cat([channel_rows(torch.tensor(chosen)), torch.tensor([len(regular) - 1])])
        inverse = inverse_of(regular[have][:, have])
        self._weights = inverse @ right[have]
        self._lowest = -float((self._weights * right[have]).sum())
        kept = torch.arange(len(chosen) * TAPS).view(-1, TAPS)
        self._own = inverse[kept[:, :, None], kept[:, None, :]]
        rows = channel_rows(torch.tensor(self.others, dtype=torch.long)).view(len(self.others), TAPS)
        beside = regular[have][:, rows.reshape(-1)]
        across = (inverse @ beside).view(len(have), *rows.shape).transpose(0, 1)
        beside = beside.view(len(have), *rows.shape).permute(1, 2, 0)
        self._across = across
        self._schur = regular[rows[:, :, None], rows[:, None, :]] - beside @ across
        residual = right[rows] - beside @ self._weights
        self._added = torch.linalg.solve(self._schur, residual)
        self.gains = (residual * self._added).sum((1, 2))

    def better(self) -> list[int] | None:
        """The channels after the first swap found that lowers the error."""
        for candidate in self.gains.argsort(descending=True, stable=True)[:CANDIDATES].tolist():
            through = self._across[candidate][:-1].view(len(self.chosen), TAPS, TAPS)
            own = self._own + through @ torch.linalg.inv(self._schur[candidate]) @ through.transpose(1, 2)
            weights = self._weights[:-1].view(len(self.chosen), TAPS, -1) - through @ self._added[candidate]
            costs = _costs(own, weights)
            if float(self.gains[candidate] - costs.min()) > SMALLEST_GAIN * abs(self._lowest):
                leaves = int(costs.argmin())
                stay = [channel for place, channel in enumerate(self.chosen) if place != leaves]
                return [*stay, self.others[candidate]]
        return None


def _costs(own: Tensor, weights: Tensor) -> Tensor:
    """How much the error grows without each channel, (n,).

    `own` (n, 9, 9) are the channels' blocks of the inverse of the normal equations, `weights` (n, 9, n_targets).
    """
    # Nine by nine: inverting them takes a third of the time of solving with as many right sides as there are targets.
    return (weights * (torch.linalg.inv(own) @ weights)).sum((1, 2))
