"""A block where it is to be pruned: behind blocks that are pruned already, with all that is known whatever `k`.

What a site knows does not depend on `k`, so another `k` for the same block costs little more than a solve.
"""

from __future__ import annotations

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
from roboreg_core.pruning.block_tensors import BlockTensors, OutputBatchNorm
from roboreg_core.pruning.calibration import DenseActivations, Parts
from roboreg_core.pruning.features import ROWS, filter_rows
from roboreg_core.pruning.filter_mixing import OutputPatches
from roboreg_core.pruning.least_squares import Moments, channel_rows, moments
from roboreg_core.pruning.methods import RESPONSES, Method
from roboreg_core.pruning.patches import convolve, patches, values
from roboreg_core.pruning.refit import refit_conv1

# Responses that are clustered, a channel: more change nothing.
N_RESPONSES = 4_096
# Channels of this size are kept to be mixed; larger ones are sooner computed again than written and read.
KEPT_BYTES = 2**26


class _ChannelMoments(NamedTuple):
    """Moments and patches of all channels, and the channels themselves where they are small enough to keep."""

    everything: Moments
    around: OutputPatches | None = None
    channels: tuple[Tensor, ...] = ()


@dataclass(frozen=True, eq=False)
class BlockContext:
    """A block of the network to be pruned, behind the blocks before it.

    Attributes:
        number: 1..9.
        block: as it was.
        method, seed: how to prune.
        inputs: what the pruned blocks before it answer to the calibration images, in parts; None without.
        answers: what the dense network answers to them; None without.
        mended: whether the blocks before it have changed, so that there is something to mend.
    """

    number: int
    block: BasicBlock
    method: Method
    seed: int
    inputs: Parts | None = None
    answers: DenseActivations | None = None
    mended: bool = False

    @cached_property
    def inner(self) -> BlockTensors:
        """The block's tensors as they were."""
        return BlockTensors.of(self.block)

    @cached_property
    def outer(self) -> OutputBatchNorm:
        """The batch norm behind conv2 as it was."""
        return OutputBatchNorm.of(self.block)

    @property
    def refits(self) -> bool:
        """True where convolutions are solved."""
        return "refit" in self.method.repair

    @cached_property
    def straight(self) -> BlockTensors:
        """The block with conv1 solved for the inputs that it really gets; as it was where these have not changed."""
        if not (self.refits and self.mended):
            return self.inner
        stride = self.block.conv1.stride[0]
        of = moments((patches(x, answers.places, stride), answers.channels) for x, answers in self.parts())
        return refit_conv1(self.inner, of.by_channel())

    @cached_property
    def elimination(self) -> BackwardElimination:
        """Which distinct filters leave one after the other; another `k` goes on from the one before."""
        return BackwardElimination(*self.of_distinct)

    @cached_property
    def copies(self) -> Tensor:
        """Int (width,): for each filter the first one that equals it."""
        rows = filter_rows(self.inner).numpy()
        _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        return torch.from_numpy(first[inverse.reshape(-1)])

    @cached_property
    def firsts(self) -> Tensor:
        """Int (distinct,), ascending: the first filter of each kind."""
        return self.copies.unique()

    @property
    def distinct(self) -> int:
        """How many filters are different."""
        return len(self.firsts)

    @cached_property
    def of_distinct(self) -> tuple[Moments, Tensor]:
        """Moments of distinct filters' channels, and conv2 as unknowns with equal filters' slices summed."""
        # Equal filters' slices go into the first of them, the others are left zero.
        conv2 = torch.zeros_like(self.straight.conv2).index_add_(1, self.copies, self.straight.conv2)
        start, rows = self.outer.start(conv2), channel_rows(self.firsts)
        return self.everything.take(rows), start[torch.cat([rows, torch.tensor([len(start) - 1])])]

    def parts(self) -> Iterator[tuple[Tensor, DenseActivations]]:
        """The inputs and the dense network's answers, a few images at a time."""
        assert self.inputs is not None
        assert self.answers is not None
        start = 0
        for x in self.inputs:
            yield x, self.answers.take(slice(start, start + len(x)))
            start += len(x)

    @property
    def everything(self) -> Moments:
        """Moments of all channels and what is wanted of them."""
        return self._seen.everything

    def unmixed(self, kept: list[Tensor]) -> Moments:
        """`everything` for a block that keeps all filters, without what mixing needs.

        `kept` gets the channels before their ReLU, unless the moments are known already.
        """
        return self.everything if "_seen" in vars(self) else self.moments_of(self.straight, kept=kept)

    @property
    def around(self) -> OutputPatches:
        """All channels around a few places; only where the method blends."""
        around = self._seen.around
        assert around is not None
        return around

    @cached_property
    def _seen(self) -> _ChannelMoments:
        """What needs all channels on all images, which are computed once."""
        assert self.inputs is not None
        if not self.method.rounds:
            return _ChannelMoments(self.moments_of(self.straight))
        parts: list[OutputPatches] = []
        pixels = sum(x[:, 0].numel() for x in self.inputs) // self.block.conv1.stride[0] ** 2
        small = 4 * self.straight.width * pixels <= KEPT_BYTES
        kept: list[Tensor] | None = [] if small else None
        of = self.moments_of(self.straight, around=parts, kept=kept)
        return _ChannelMoments(of, OutputPatches.joined(parts), tuple(kept or ()))

    def moments_of_mixed(self, inner: BlockTensors, mixtures: Tensor, kept: list[Tensor]) -> Moments:
        """`moments_of` the block `inner` whose filters are `mixtures` (k, width + 1) of all of them."""
        known = self._seen.channels
        if not known:
            return self.moments_of(inner, kept=kept)
        device = known[0].device
        weight, bias = mixtures[:, :-1, None, None].to(device), mixtures[:, -1].to(device)
        return self.moments_of(inner, kept=kept, known=(F.conv2d(channels, weight, bias) for channels in known))

    def moments_of(
        self,
        inner: BlockTensors,
        *,
        around: list[OutputPatches] | None = None,
        kept: list[Tensor] | None = None,
        known: Iterator[Tensor] | None = None,
    ) -> Moments:
        """Moments of the channels of `inner` and what is wanted of them.

        Where they are given, `around` and `kept` get what is around a few places, and the channels before their ReLU;
        `known` are these channels where they need not be computed.
        """
        weight, bias = inner.folded()
        stride = self.block.conv1.stride[0]

        def part(x: Tensor, answers: DenseActivations) -> tuple[Tensor, Tensor]:
            channels = convolve(x, weight, bias, stride) if known is None else next(known)
            if kept is not None:
                kept.append(channels)
            rows = patches(channels, answers.places)
            wanted = answers.outputs - values(self.block.shortcut(x), answers.places)
            if around is not None:
                some = answers.places[:, : self.method.places]
                inside = patches(torch.ones_like(channels[:, :1]), some)
                seen, aim = (part.view(*answers.places.shape, -1)[:, : some.shape[1]] for part in (rows, wanted))
                around.append(OutputPatches.of(seen.flatten(0, 1), inside, aim.flatten(0, 1)))
            return rows.relu_(), wanted

        return moments(part(x, answers) for x, answers in self.parts()).by_channel()

    @cached_property
    def rows(self) -> Tensor:
        """What is clustered, (width, n_features)."""
        responses = torch.empty(0)
        if self.method.features == RESPONSES:
            assert self.answers is not None
            channels = self.answers.channels
            responses = channels[:: max(1, len(channels) // N_RESPONSES)].relu().T.cpu()
        return ROWS[self.method.features](self.inner, responses)
