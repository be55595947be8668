"""A block where it is to be pruned: behind blocks that are pruned already, with all that is known whatever `k`.

What a site knows does not depend on `k`, so another `k` for the same block costs little more than a solve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.model.resnet import BasicBlock
from roboreg_core.pruning.blend import Around
from roboreg_core.pruning.calibration import BATCH_SIZE, Answers
from roboreg_core.pruning.features import ROWS, filter_rows
from roboreg_core.pruning.inner import Inner, Outer
from roboreg_core.pruning.least_squares import Elimination, Moments, channel_rows, moments
from roboreg_core.pruning.method import RESPONSES, Method
from roboreg_core.pruning.patches import patches, values
from roboreg_core.pruning.refit import refit_conv1

# Responses that are clustered, a channel: more change nothing.
N_RESPONSES = 4_096


@dataclass(frozen=True, eq=False)
class Site:
    """A block of the network to be pruned, behind the blocks before it.

    Attributes:
        number: 1..9.
        block: as it was.
        method, seed: how to prune.
        inputs: (n, channels, h, w), what the pruned blocks before it answer to the calibration images; None without.
        answers: what the dense network answers to them; None without.
        mended: whether the blocks before it have changed, so that there is something to mend.
    """

    number: int
    block: BasicBlock
    method: Method
    seed: int
    inputs: Tensor | None = None
    answers: Answers | None = None
    mended: bool = False

    @cached_property
    def inner(self) -> Inner:
        """The block's tensors as they were."""
        return Inner.of(self.block)

    @cached_property
    def outer(self) -> Outer:
        """The batch norm behind conv2 as it was."""
        return Outer.of(self.block)

    @property
    def refits(self) -> bool:
        """True where convolutions are solved."""
        return "refit" in self.method.repair

    @cached_property
    def straight(self) -> Inner:
        """The block with conv1 solved for the inputs that it really gets; as it was where these have not changed."""
        if not (self.refits and self.mended):
            return self.inner
        stride = self.block.conv1.stride[0]
        of = moments((patches(x, answers.places, stride), answers.channels) for x, answers in self.parts())
        return refit_conv1(self.inner, of.by_channel())

    @cached_property
    def elimination(self) -> Elimination:
        """Which distinct filters leave one after the other; another `k` goes on from the one before."""
        return Elimination(*of_distinct(self, copies_of(self)[1]))

    def parts(self) -> Iterator[tuple[Tensor, Answers]]:
        """The inputs and the dense network's answers, a few images at a time."""
        assert self.inputs is not None
        assert self.answers is not None
        for start in range(0, len(self.inputs), BATCH_SIZE):
            rows = slice(start, start + BATCH_SIZE)
            yield self.inputs[rows], self.answers.take(rows)

    @property
    def everything(self) -> Moments:
        """Moments of all channels and what is wanted of them."""
        return self._seen[0]

    @property
    def around(self) -> Around:
        """All channels around a few places; only where the method blends."""
        around = self._seen[1]
        assert around is not None
        return around

    @cached_property
    def _seen(self) -> tuple[Moments, Around | None]:
        """`everything` and `around`: both need all channels on all images, which are computed once."""
        parts: list[Around] = []
        of = self.moments_of(self.straight, parts if self.method.rounds else None)
        return of, Around.joined(parts) if parts else None

    def moments_of(self, inner: Inner, around: list[Around] | None = None, kept: list[Tensor] | None = None) -> Moments:
        """Moments of the channels of `inner` and what is wanted of them.

        Where they are given, `around` and `kept` get what is around a few places, and the channels before their ReLU.
        """

        def part(x: Tensor, answers: Answers) -> tuple[Tensor, Tensor]:
            channels = before_relu(inner, x, self.block)
            if kept is not None:
                kept.append(channels)
            rows = patches(channels, answers.places)
            wanted = answers.outputs - values(self.block.shortcut(x), answers.places)
            if around is not None:
                some = answers.places[:, : self.method.places]
                inside = patches(torch.ones_like(channels[:, :1]), some)
                seen, aim = (part.view(*answers.places.shape, -1)[:, : some.shape[1]] for part in (rows, wanted))
                around.append(Around.of(seen.flatten(0, 1), inside, aim.flatten(0, 1)))
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


def copies_of(site: Site) -> tuple[int, Tensor]:
    """How many filters are distinct, and for each the first that equals it."""
    rows = filter_rows(site.inner).numpy()
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return len(first), torch.from_numpy(first[inverse.reshape(-1)])


def of_distinct(site: Site, copies: Tensor) -> tuple[Moments, Tensor]:
    """Moments of distinct filters' channels, and conv2 as unknowns with equal filters' slices summed."""
    rows = channel_rows(copies.unique())
    start = site.outer.start(_gathered(site.straight, copies))
    return site.everything.take(rows), start[torch.cat([rows, torch.tensor([len(start) - 1])])]


def _gathered(inner: Inner, copies: Tensor) -> Tensor:
    """conv2 with the slices of equal filters summed into the first of them, the others zero."""
    conv2 = torch.zeros_like(inner.conv2)
    return conv2.index_add_(1, copies, inner.conv2)


def channels_of(inner: Inner, x: Tensor, block: BasicBlock) -> Tensor:
    """The block's channels behind their ReLU, (n, width, h, w)."""
    return before_relu(inner, x, block).relu_()


def before_relu(inner: Inner, x: Tensor, block: BasicBlock) -> Tensor:
    """The block's channels before their ReLU, (n, width, h, w)."""
    weight, bias = (part.to(x.device) for part in inner.folded())
    weight = weight.contiguous(memory_format=torch.channels_last)
    return F.conv2d(x, weight, bias, stride=block.conv1.stride, padding=1)


def in_batches(step: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """`step` over `x` (n, ...), a few images at a time, so that what lies between stays in the cache."""
    return joined((step(part) for part in x.split(BATCH_SIZE)), len(x))


def joined(parts: Iterable[Tensor], n: int) -> Tensor:
    """Parts (m, channels, h, w) with `n` images in all as one tensor, channels last, without holding them twice."""
    whole, place = torch.empty(0), 0
    for part in parts:
        if not place:
            shape = (n, *part.shape[1:])
            whole = torch.empty(shape, dtype=part.dtype, device=part.device, memory_format=torch.channels_last)
        whole[place : place + len(part)] = part
        place += len(part)
    return whole
