"""Pruning state of one block: inputs from the pruned blocks before it, targets from the dense network.

Everything here is independent of `k` and cached, so another `k` for the same block costs little more than a solve.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.models.resnet import BasicBlock
from roboreg_core.pruning.backward_elimination import BackwardElimination
from roboreg_core.pruning.block_tensors import BlockTensors, NormTensors
from roboreg_core.pruning.calibration import ActivationBatches, DenseActivations
from roboreg_core.pruning.features import ROWS, filter_rows
from roboreg_core.pruning.filter_mixing import OutputPatches
from roboreg_core.pruning.least_squares import Moments, channel_rows, second_moments, to_unknowns
from roboreg_core.pruning.methods import RESPONSES, Method
from roboreg_core.pruning.patches import convolve, patches, pixel_values
from roboreg_core.pruning.refit import refit_conv1

# Activations per channel that are clustered; more do not change the clusters.
N_RESPONSES = 4_096
# Channels up to this size are kept for mixing; larger ones are faster to compute again than to write and read.
KEPT_BYTES = 2**26


class ChannelStatistics(NamedTuple):
    """Results of one pass over the calibration images.

    Attributes:
        moments: second moments of a block's channels after their ReLU (inputs) and the targets of conv2.
        patches: inputs and targets of conv2 at a few pixels; None unless requested.
        channels: channels before their ReLU; empty unless requested.
    """

    moments: Moments
    patches: OutputPatches | None = None
    channels: ActivationBatches = ()


@dataclass(frozen=True, eq=False)
class BlockContext:
    """A block of the network to be pruned, and its inputs and targets.

    Attributes:
        number: of the block, from 1.
        block: the residual block before pruning.
        method, seed: pruning method, and seed of its random choices.
        inputs: its inputs on the calibration images, from the pruned blocks before it; None without images.
        dense: activations of the dense block on the calibration images; None without images.
        upstream_changed: True if pruning changed the outputs of the blocks before this one.
    """

    number: int
    block: BasicBlock
    method: Method
    seed: int
    inputs: ActivationBatches | None = None
    dense: DenseActivations | None = None
    upstream_changed: bool = False

    @cached_property
    def tensors(self) -> BlockTensors:
        """The block's tensors before pruning."""
        return BlockTensors.of(self.block)

    @cached_property
    def output_norm(self) -> NormTensors:
        """Tensors of bn2, the block's second batch norm, before pruning."""
        return NormTensors.of(self.block.bn2)

    @property
    def refits(self) -> bool:
        """True if the method reconstructs convolutions by least squares."""
        return "refit" in self.method.repair

    @cached_property
    def refitted_block(self) -> BlockTensors:
        """The block's tensors; if pruning changed its inputs, conv1 is refitted to the dense network's channels."""
        if not (self.refits and self.upstream_changed):
            return self.tensors
        stride = self.block.conv1.stride[0]
        moments = second_moments((patches(x, dense.pixels, stride), dense.channels) for x, dense in self._batches())
        return refit_conv1(self.tensors, moments.by_channel())

    @cached_property
    def first_equal(self) -> Tensor:
        """Index of the first filter equal to each filter in weights, gamma and beta, int (width,)."""
        rows = filter_rows(self.tensors).numpy()
        _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        return torch.from_numpy(first[inverse.reshape(-1)])

    @cached_property
    def distinct_filters(self) -> Tensor:
        """Indices of the first filter of each set of equal filters, ascending, int (n_distinct,)."""
        return self.first_equal.unique()

    @cached_property
    def distinct_problem(self) -> tuple[Moments, Tensor]:
        """Arguments of `exchange` and `BackwardElimination` for fitting conv2 to the distinct filters' channels.

        Second moments of these channels (9 * n_distinct inputs), and conv2's weights (9 * n_distinct + 1, outputs) with
        those of equal filters added up.
        """
        conv2 = self.refitted_block.conv2
        # The slices of equal filters are added to the first of them; the others stay zero.
        summed = torch.zeros_like(conv2).index_add_(1, self.first_equal, conv2)
        prior, rows = to_unknowns(*self.output_norm.fold(summed)), channel_rows(self.distinct_filters)
        return self.channel_moments.take(rows), prior[torch.cat([rows, torch.tensor([len(prior) - 1])])]

    @cached_property
    def elimination(self) -> BackwardElimination:
        """Cached elimination of distinct filters: `down_to(k)` keeps `k`, and continues for a smaller `k`."""
        return BackwardElimination(*self.distinct_problem)

    @property
    def channel_moments(self) -> Moments:
        """Second moments of `refitted_block`'s channels after their ReLU and of the targets of conv2."""
        return self._all_channels.moments

    @property
    def output_patches(self) -> OutputPatches:
        """Inputs and targets of conv2 at a few pixels; only for methods that mix filters."""
        found = self._all_channels.patches
        assert found is not None
        return found

    @cached_property
    def _all_channels(self) -> ChannelStatistics:
        if not self.method.rounds:
            return self.statistics(self.refitted_block)
        assert self.inputs is not None
        pixels = sum(x[:, 0].numel() for x in self.inputs) // self.block.conv1.stride[0] ** 2
        small = 4 * self.refitted_block.width * pixels <= KEPT_BYTES
        return self.statistics(self.refitted_block, keep_patches=True, keep_channels=small)

    def statistics_of_all(self) -> ChannelStatistics:
        """Statistics of `refitted_block`: moments, and, unless these were cached, the channels before their ReLU."""
        if "_all_channels" in vars(self):
            return ChannelStatistics(self.channel_moments)
        return self.statistics(self.refitted_block, keep_channels=True)

    def statistics_of_mixed(self, tensors: BlockTensors, mixtures: Tensor) -> ChannelStatistics:
        """Statistics of the block with k linear combinations of all filters in place of its filters.

        Args:
            tensors: tensors of the block with the combined filters.
            mixtures: coefficients of all filters and an intercept, (k, width + 1).
        """
        known = self._all_channels.channels
        if not known:
            return self.statistics(tensors, keep_channels=True)
        weight, bias = mixtures[:, :-1, None, None].to(known[0].device), mixtures[:, -1].to(known[0].device)
        mixed = (F.conv2d(channels, weight, bias) for channels in known)
        return self.statistics(tensors, keep_channels=True, channels=mixed)

    @torch.no_grad()
    def statistics(
        self,
        tensors: BlockTensors,
        *,
        keep_patches: bool = False,
        keep_channels: bool = False,
        channels: Iterator[Tensor] | None = None,
    ) -> ChannelStatistics:
        """Compute statistics of the block with other tensors, in one pass over the calibration images.

        Args:
            tensors: tensors that replace the block's own.
            keep_patches: also return patches.
            keep_channels: also return channels.
            channels: the channels before their ReLU, batch by batch, if they are known; else they are computed.
        """
        kept_patches: list[OutputPatches] = []
        kept_channels: list[Tensor] = []
        weight, bias = tensors.folded()
        stride = self.block.conv1.stride[0]

        def batch(x: Tensor, dense: DenseActivations) -> tuple[Tensor, Tensor]:
            before = convolve(x, weight, bias, stride) if channels is None else next(channels)
            if keep_channels:
                kept_channels.append(before)
            rows = patches(before, dense.pixels)
            targets = dense.outputs - pixel_values(self.block.shortcut(x), dense.pixels)
            if keep_patches:
                few = dense.pixels[:, : self.method.pixels_per_image]
                inside = patches(torch.ones_like(before[:, :1]), few)
                some_rows, some_targets = (
                    part.view(*dense.pixels.shape, -1)[:, : few.shape[1]].flatten(0, 1) for part in (rows, targets)
                )
                kept_patches.append(OutputPatches.of(some_rows, inside, some_targets))
            return rows.relu_(), targets

        found = second_moments(batch(x, dense) for x, dense in self._batches()).by_channel()
        joined = OutputPatches.concatenate(kept_patches) if keep_patches else None
        return ChannelStatistics(found, joined, tuple(kept_channels))

    @cached_property
    def feature_rows(self) -> Tensor:
        """Features by which the method clusters the filters, (width, n_features)."""
        responses = torch.empty(0)
        if self.method.features == RESPONSES:
            assert self.dense is not None
            channels = self.dense.channels
            responses = channels[:: max(1, len(channels) // N_RESPONSES)].relu().T.cpu()
        return ROWS[self.method.features](self.tensors, responses)

    def _batches(self) -> Iterator[tuple[Tensor, DenseActivations]]:
        assert self.inputs is not None
        assert self.dense is not None
        start = 0
        for x in self.inputs:
            yield x, self.dense.take(slice(start, start + len(x)))
            start += len(x)
