"""Ridge least squares over the channels of a convolution: which channels to keep, and the weights that then fit best.

Everything is computed from second moments, so that another choice of channels costs a solve and no pass over images.
Unknowns are ordered as `weight.flatten(1)` orders them, channel by channel, with one constant at the end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

# Taps of a 3x3 convolution: unknowns a channel.
TAPS = 9
# Added to the diagonal of the Gram matrix, as a share of its mean: what is not determined stays where it was.
RIDGE = 1e-4
# A channel that may not be dropped costs this much.
NEVER = float("inf")
# torch's setting is the whole process's: two threads must not take each other's for the one to put back.
_SETTING = threading.Lock()
# Exchanges are tried with so many candidates a round; most rounds end at the first.
CANDIDATES = 3


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
        with by_onednn():
            products = [inputs.T @ inputs, inputs.T @ targets]
        products += [inputs.sum(0), targets.sum(0), targets.square().sum(0)]
        totals = totals or [torch.zeros_like(each, dtype=torch.float64) for each in products]
        for total, each in zip(totals, products, strict=True):
            total.add_(each)
        count += len(inputs)
    gram, cross, sums, wanted, energy = totals
    sides = torch.cat([gram, sums[None]]), torch.cat([sums, sums.new_tensor([count])])[:, None]
    cross = torch.cat([cross, wanted[None]])
    return Moments(gram=torch.cat(sides, 1).cpu() / count, cross=cross.cpu() / count, energy=energy.cpu() / count)


@contextmanager
def by_onednn() -> Iterator[None]:
    """Let oneDNN multiply matrices of float32 on a CPU, which takes half the time of torch's default on AMD's.

    torch hands them over only with leave to round factors to bfloat16. Where a processor makes use of that, rounding
    single samples adds a millionth to the diagonal of their moments: less than the ridge.
    """
    settings = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    with _SETTING:
        before = settings.fp32_precision
        settings.fp32_precision = "bf16"
        try:
            yield
        finally:
            settings.fp32_precision = before


def channel_rows(channels: Tensor) -> Tensor:
    """The unknowns of these channels: (n,) -> (n * 9,)."""
    return (channels[:, None] * TAPS + torch.arange(TAPS)).reshape(-1)


def ridge(of: Moments, start: Tensor) -> Tensor:
    """The weights (n_inputs + 1, n_targets), float64, with the least squared error, pulled towards `start`.

    `start` has the same shape; its constant is not pulled. The error never exceeds that of `start`.
    """
    regular, right = _regular(of, start)
    return torch.linalg.solve(regular, right)


def error(of: Moments, weights: Tensor) -> float:
    """Mean squared error of `weights`, summed over targets."""
    residual = of.energy - 2 * (weights * of.cross).sum(0) + (weights * (of.gram @ weights)).sum(0)
    return float(residual.sum())


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
    return Elimination(of, start, labels).down_to(k)


class Elimination:
    """What `eliminate` does, step by step: for another `k` it goes on from where it was."""

    def __init__(self, of: Moments, start: Tensor, labels: Tensor | None = None) -> None:
        """Begin with all channels; see `eliminate` for the arguments."""
        regular, right = _regular(of, start)
        self._inverse = _inverse(regular)
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
        costs = _costs(self._inverse, self._weights, self._rows[alive])
        if labels is not None:
            costs[torch.bincount(labels[alive], minlength=int(labels.max()) + 1)[labels[alive]] == 1] = NEVER
        leaves = alive[costs.argmin()]
        gone = self._rows[leaves]
        columns = self._inverse[:, gone]
        update = torch.linalg.solve(columns[gone], columns.T)
        self._weights.addmm_(update.T, self._weights[gone], alpha=-1)
        self._inverse.addmm_(columns, update, alpha=-1)
        self._left.append(int(leaves))


def exchange(of: Moments, start: Tensor, kept: Tensor) -> Tensor:
    """Swap a kept channel for a dropped one as long as that lowers the error; returns (k,), ascending.

    Elimination never takes a decision back; this does.
    """
    regular, right = _regular(of, start)
    n = (len(regular) - 1) // TAPS
    chosen = kept.tolist()
    lowest = _objective(regular, right, chosen)
    # Every swap lowers the error, so this ends; the bound only limits the time.
    for _ in range(n):
        better = _better(regular, right, chosen, n, lowest)
        if better is None:
            break
        chosen, lowest = better
    return torch.tensor(sorted(chosen))


def regrets(of: Moments, start: Tensor, kept: Tensor) -> Tensor:
    """How much the error would fall with each channel that is not kept, as a share of the targets' variance, (n,).

    One channel at a time, all others fitted again; 0 for the kept ones.
    """
    regular, right = _regular(of, start)
    n = (len(regular) - 1) // TAPS
    chosen = kept.tolist()
    others = [channel for channel in range(n) if channel not in chosen]
    out = torch.zeros(n, dtype=torch.float64)
    if others:
        variance = float((of.energy - of.cross[-1].square()).sum())
        out[torch.tensor(others)] = _gains(regular, right, chosen, others).clamp_min(0) / max(variance, 1e-12)
    return out


def _better(regular: Tensor, right: Tensor, chosen: list[int], n: int, lowest: float) -> tuple[list[int], float] | None:
    others = [channel for channel in range(n) if channel not in chosen]
    if not others:
        return None
    gains = _gains(regular, right, chosen, others)
    for candidate in gains.argsort(descending=True, stable=True)[:CANDIDATES].tolist():
        more = [*chosen, others[candidate]]
        rows = _with_constant(more, regular)
        inverse = _inverse(regular[rows][:, rows])
        costs = _costs(inverse, inverse @ right[rows], channel_rows(torch.arange(len(more))).view(-1, TAPS))
        swapped = [channel for i, channel in enumerate(more) if i != int(costs.argmin())]
        value = _objective(regular, right, swapped)
        if value < lowest - 1e-9 * abs(lowest):
            return swapped, value
    return None


def _gains(regular: Tensor, right: Tensor, chosen: list[int], others: list[int]) -> Tensor:
    """How much the error falls with each other channel added."""
    have = _with_constant(chosen, regular)
    inverse = _inverse(regular[have][:, have])
    rows = channel_rows(torch.tensor(others)).view(-1, TAPS)
    beside = regular[rows][:, :, have]
    schur = regular[rows[:, :, None], rows[:, None, :]] - beside @ inverse @ beside.transpose(1, 2)
    residual = right[rows] - beside @ (inverse @ right[have])
    return (residual * torch.linalg.solve(schur, residual)).sum((1, 2))


def _costs(inverse: Tensor, weights: Tensor, rows: Tensor) -> Tensor:
    """How much the error grows without each channel, whose unknowns are `rows` (n, 9)."""
    own = inverse[rows[:, :, None], rows[:, None, :]]
    return (weights[rows] * torch.linalg.solve(own, weights[rows])).sum((1, 2))


def _objective(regular: Tensor, right: Tensor, channels: list[int]) -> float:
    rows = _with_constant(channels, regular)
    return -float((torch.linalg.solve(regular[rows][:, rows], right[rows]) * right[rows]).sum())


def _with_constant(channels: list[int], regular: Tensor) -> Tensor:
    return torch.cat([channel_rows(torch.tensor(channels)), torch.tensor([len(regular) - 1])])


def _inverse(regular: Tensor) -> Tensor:
    """The inverse of a regularised Gram matrix, by Cholesky's factors in two thirds of the general way's time."""
    factor, failed = torch.linalg.cholesky_ex(regular)
    return torch.linalg.inv(regular) if failed else torch.cholesky_inverse(factor)


def _regular(of: Moments, start: Tensor) -> tuple[Tensor, Tensor]:
    """Both sides of the regularised normal equations."""
    size = len(of.gram) - 1
    # Never nothing: with channels that are zero on every image the equations would have no single solution.
    weight = RIDGE * float(of.gram.diagonal()[:size].mean()) + 1e-12
    regular, right = of.gram.clone(), of.cross.clone()
    regular.diagonal()[:size] += weight
    right[:size] += weight * start[:size].double()
    return regular, right
