"""Replacement of each kept filter by a linear mixture of all filters of its block (repair `blend`).

The mixtures minimise the squared error of the block's output. A mixture acts on that output through a ReLU; for a fixed
activation pattern the output is linear in it, and the best mixture of one filter is a small ridge problem. Filters are
updated one at a time, each by a step that lowers the true error (block-coordinate Gauss-Newton, backtracking).
Labels and gradients are not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.pruning.block_tensors import BlockTensors
from roboreg_core.pruning.least_squares import TAPS, Moments
from roboreg_core.pruning.refit import unfold

# Levenberg-Marquardt damping, as a share of the diagonal: a step is only valid for a fixed activation pattern.
DAMPING = 1e-2
# Rank to which conv2's nine taps are approximated in the normal equations; the error is measured with all of them.
RANK = 2
# Sampled pixels per batch of the normal equations: few enough for their patches to fit in a core's cache.
PIXELS_IN_CACHE = 100
# Step lengths tried until one lowers the error.
STEP_LENGTHS = (1.0, 0.5)


@dataclass(frozen=True, kw_only=True, eq=False)
class OutputPatches:
    """Inputs and targets of conv2 at sampled pixels of the block's output.

    Attributes:
        channels: 3x3 windows of all channels before their ReLU, zero outside of the image, with a one appended for the
            intercept, (n, 9, width + 1).
        targets: output of bn2 that reproduces the dense block's output, (n, outputs).
    """

    channels: Tensor
    targets: Tensor

    @classmethod
    def of(cls, rows: Tensor, inside: Tensor, targets: Tensor) -> OutputPatches:
        """Build patches on the CPU.

        Args:
            rows: windows of the channels, tap by tap, (n, 9 * width).
            inside: 1 for taps inside of the image, 0 outside, (n, 9).
            targets: (n, outputs).
        """
        channels = torch.cat([rows.view(len(rows), TAPS, -1), inside[:, :, None]], dim=2)
        return cls(channels=channels.cpu(), targets=targets.cpu())

    @classmethod
    def concatenate(cls, batches: Sequence[OutputPatches]) -> OutputPatches:
        """Join the patches of several batches."""
        channels = torch.cat([batch.channels for batch in batches])
        return cls(channels=channels, targets=torch.cat([batch.targets for batch in batches]))


def unmixed(kept: Tensor, width: int) -> Tensor:
    """Mixtures (k, width + 1), one-hot, that leave the kept filters unchanged; `kept` are their indices, int (k,)."""
    return F.one_hot(kept, width + 1).float()


def mix_filters(patches: OutputPatches, mixtures: Tensor, weights: Tensor) -> Tensor:
    """Improve every mixture once by least squares, first those that contribute most to the block's output.

    Args:
        patches: inputs and targets of conv2.
        mixtures: per mixture the coefficients of all filters and an intercept, (k, width + 1).
        weights: conv2 and its bias with bn2 folded in, (9 * k + 1, outputs).

    Returns:
        Mixtures (k, width + 1) whose squared error on `patches` is at most that of the given ones.
    """
    n, taps, size = patches.channels.shape
    mixtures, weights = mixtures.clone(), weights.float()
    slices = weights[:-1].view(len(mixtures), taps, -1).contiguous()
    before = (mixtures @ patches.channels.view(n * taps, size).T).view(-1, n, taps)
    hidden = before.relu()
    inverses = torch.linalg.inv(_normal_matrices(patches.channels, hidden, slices))
    residual = torch.addbmm(patches.targets - weights[-1], hidden, slices, alpha=-1).contiguous()
    state = _Residual(patches.channels, before, hidden, slices, residual)
    energy = hidden.square().mean((1, 2)) * slices.square().sum((1, 2))
    for index in energy.argsort(descending=True).tolist():
        step = inverses[index] @ state.right_hand_side(index)
        for length in STEP_LENGTHS:
            if state.try_step(index, length * step):
                mixtures[index] += length * step
                break
    return mixtures


@dataclass
class _Residual:
    """Error of the block's output at the sampled pixels, updated filter by filter; all tensors are contiguous.

    Attributes:
        channels: (n, 9, size).
        before, hidden: mixed channels before and after their ReLU, (k, n, 9).
        slices: conv2 by channel, (k, 9, outputs).
        residual: targets less outputs, (n, outputs).
    """

    channels: Tensor
    before: Tensor
    hidden: Tensor
    slices: Tensor
    residual: Tensor

    def __post_init__(self) -> None:
        self.error = _sum_of_squares(self.residual)

    def right_hand_side(self, index: int) -> Tensor:
        """Right-hand side of a filter's normal equations, (size,)."""
        weights = (self.residual @ self.slices[index].T) * (self.hidden[index] > 0)
        return weights.view(-1) @ self.channels.flatten(0, 1)

    def try_step(self, index: int, step: Tensor) -> bool:
        """Change a filter's mixture by `step` (size,) if that lowers the error; return True if it does."""
        change = (self.channels.flatten(0, 1) @ step).view_as(self.before[index])
        hidden_change = (self.before[index] + change).relu_() - self.hidden[index]
        residual = torch.addmm(self.residual, hidden_change, self.slices[index], alpha=-1)
        error = _sum_of_squares(residual)
        lower = error < self.error
        if lower:
            self.residual, self.error = residual, error
        return lower


def _normal_matrices(channels: Tensor, hidden: Tensor, slices: Tensor) -> Tensor:
    """Damped normal-equation matrices of all filters for their activation patterns, (k, size, size).

    `channels` (n, 9, size), `hidden` (k, n, 9), `slices` (k, 9, outputs). Doing all filters at once reads the channels
    once.
    """
    filters, size = len(slices), channels.shape[2]
    values, vectors = torch.linalg.eigh(slices @ slices.transpose(1, 2))
    strongest = vectors[:, :, -RANK:] * values[:, None, -RANK:].clamp_min(0).sqrt()
    combinations = strongest.permute(2, 0, 1).contiguous()
    active = (hidden > 0).transpose(0, 1).contiguous()
    matrices = channels.new_zeros(filters, size, size)
    for part, mask in zip(channels.split(PIXELS_IN_CACHE), active.split(PIXELS_IN_CACHE), strict=True):
        # Channels combined over the taps where the filter is active: (pixels, ranks * k, size).
        rows = (mask[:, None] * combinations).flatten(1, 2) @ part
        rows = rows.view(-1, filters, size).transpose(0, 1)
        matrices.baddbmm_(rows.transpose(1, 2), rows)
    diagonal = matrices.diagonal(dim1=1, dim2=2)
    # The constants keep the matrix regular if a channel is zero on every image.
    diagonal.add_(DAMPING * diagonal + 1e-6 * diagonal.mean(1, keepdim=True) + 1e-12)
    return matrices


def _sum_of_squares(values: Tensor) -> float:
    flat = values.view(-1)
    return float(flat @ flat)


def mixed(tensors: BlockTensors, kept: BlockTensors, mixtures: Tensor, patches: OutputPatches) -> BlockTensors:
    """Replace each kept filter by a mixture of all filters; return `kept` with the new conv1 and bn1.

    Args:
        tensors: the block with all its filters.
        kept: the block with the k kept filters only.
        mixtures: per mixture the coefficients of all filters and an intercept, (k, width + 1).
        patches: inputs of conv2, from which bn1's running statistics are computed.
    """
    weight, bias = (part.double() for part in tensors.folded())
    centres = patches.channels[:, TAPS // 2].double()
    moments = Moments(gram=centres.T @ centres / len(centres), cross=centres.new_empty(0), energy=centres.new_empty(0))
    mixing, norm = unfold(mixtures.double().T, moments, kept.norm)
    # The mixed channels include their bias; conv1's output does not.
    norm = replace(norm, mean=norm.mean - mixing @ bias.float())
    conv1 = (mixing.double() @ weight.flatten(1)).float().view_as(kept.conv1)
    return replace(kept, conv1=conv1.contiguous(), norm=norm)
