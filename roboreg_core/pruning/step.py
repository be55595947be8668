"""Prunes one residual block: which filters stay, what becomes of the others, and what is solved anew.

A `Site` is the block as it stands behind the blocks that are already pruned. What a site knows does not depend on `k`,
so another `k` for the same block costs little more than a solve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.model.resnet import BasicBlock
from roboreg_core.pruning import merge
from roboreg_core.pruning.blend import Around, blend, mixed, pure
from roboreg_core.pruning.calibration import BATCH_SIZE, Answers
from roboreg_core.pruning.cluster import cluster
from roboreg_core.pruning.features import ROWS, filter_rows
from roboreg_core.pruning.inner import Inner, Outer
from roboreg_core.pruning.keep import SCORES, best, best_of_each, medoids
from roboreg_core.pruning.least_squares import (
    Elimination,
    Moments,
    channel_rows,
    eliminate,
    error,
    exchange,
    moments,
    regrets,
)
from roboreg_core.pruning.method import NO_CLUSTERS, RESPONSES, Method
from roboreg_core.pruning.patches import patches, values
from roboreg_core.pruning.refit import refit_conv1, refit_conv2
from roboreg_core.seeding import derive, torch_generator

# Responses that are clustered, a channel: more change nothing.
N_RESPONSES = 4_096


@dataclass(frozen=True, kw_only=True)
class BlockReport:
    """What became of one block's filters.

    Attributes:
        block: 1..9.
        before, asked, kept: filters before, filters asked for, filters kept.
        distinct: different filters before.
        dead: filters whose channel was constant before.
        labels: for each filter before, the filter after that it went into; -1 where it was dropped.
        losses: where filters are chosen by the loss without clusters: for each filter before, how much the block's
            error would fall had it been kept as well, as a share of the variance of what the block adds; 0 for kept.
    """

    block: int
    before: int
    asked: int
    kept: int
    distinct: int
    dead: int
    labels: tuple[int, ...]
    losses: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {**asdict(self), "labels": list(self.labels), "losses": list(self.losses)}


@dataclass(frozen=True, kw_only=True, eq=False)
class PrunedBlock:
    """A block's new tensors, and how they came about.

    Attributes:
        inner, outer: the tensors.
        report: what became of its filters.
        changed: whether the network up to here computes another thing.
        channels: its channels before their ReLU on the calibration images, in parts of `BATCH_SIZE`, where they were
            computed on the way; `advance` takes them, and nothing else should keep them.
    """

    inner: Inner
    outer: Outer
    report: BlockReport
    changed: bool
    channels: tuple[Tensor, ...] = ()


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
        return Elimination(*_of_distinct(self, _copies(self)[1]))

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


def prune_block(site: Site, k: int) -> PrunedBlock:
    """Keep at most `k` filters of a block. Where all stay and nothing is to mend, it stays as it is."""
    labels, kept, distinct = _choose(site, k)
    width = site.inner.width
    count = int(labels.max()) + 1
    if count == width:
        inner, outer = site.straight, site.outer
    else:
        inner, outer = _merge(site, labels, kept), site.outer
    changed = site.mended or not (count == width or _is_exact(site, labels))
    channels: tuple[Tensor, ...] = ()
    if site.refits and changed:
        of = site.moments_of(inner) if kept is None else site.everything.take(channel_rows(kept))
        inner, outer = refit_conv2(inner, outer, of)
        if kept is not None and count < width:
            inner, outer, channels = _blend(site, inner, outer, kept, error(of, outer.start(inner.conv2).double()))
    report = BlockReport(
        block=site.number,
        before=width,
        asked=k,
        kept=count,
        distinct=distinct,
        dead=int(site.inner.dead.sum()),
        labels=tuple(labels.tolist()),
        losses=_losses(site, labels) if count < width else (),
    )
    return PrunedBlock(inner=inner, outer=outer, report=report, changed=changed, channels=channels)


def _blend(
    site: Site, inner: Inner, outer: Outer, kept: Tensor, lowest: float
) -> tuple[Inner, Outer, tuple[Tensor, ...]]:
    """Filters mixed and conv2 solved in turns, as often as the method says and as long as the error falls.

    With them their channels before the ReLU, which were computed on the way; none where nothing was mixed.
    """
    channels: tuple[Tensor, ...] = ()
    mixtures = pure(kept, site.inner.width)
    for _ in range(site.method.rounds):
        mixtures = blend(site.around, mixtures, outer.start(inner.conv2))
        new = mixed(site.straight, inner, mixtures, site.around)
        passed: list[Tensor] = []
        of = site.moments_of(new, kept=passed)
        solved = refit_conv2(new, outer, of)
        reached = error(of, solved[1].start(solved[0].conv2).double())
        # Mixtures look at some of the places; here all of them count.
        if not reached < lowest:
            break
        (inner, outer), lowest, channels = solved, reached, tuple(passed)
    return inner, outer, channels


def advance(site: Site, pruned: PrunedBlock) -> Tensor:
    """What the pruned block answers to the site's inputs, (n, outputs, h, w)."""
    assert site.inputs is not None
    weight = (pruned.inner.conv2 * pruned.outer.scale.view(-1, 1, 1, 1)).contiguous(memory_format=torch.channels_last)
    bias = pruned.outer.beta - pruned.outer.mean * pruned.outer.scale

    def through(x: Tensor, channels: Tensor) -> Tensor:
        answers = F.conv2d(channels, weight.to(x.device), bias.to(x.device), padding=1)
        return answers.add_(site.block.shortcut(x)).relu_()

    if pruned.channels:
        parts = zip(site.inputs.split(BATCH_SIZE), pruned.channels, strict=True)
        return joined((through(x, channels.relu()) for x, channels in parts), len(site.inputs))
    return in_batches(lambda x: through(x, channels_of(pruned.inner, x, site.block)), site.inputs)


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


def _choose(site: Site, k: int) -> tuple[Tensor, Tensor | None, int]:
    """Label of each filter (-1: dropped), which filters stay (None: means of clusters do), how many are distinct."""
    width, method = site.inner.width, site.method
    distinct, copies = _copies(site)
    if k == width:
        return torch.arange(width), torch.arange(width), distinct
    if method.clusters == NO_CLUSTERS:
        kept = _by_loss(site, k, copies, None) if method.keep == "loss" else best(_scores(site), k)
        return _labels_of(site, kept, copies), kept, distinct
    found = cluster(site.rows.numpy(), k, derive(site.seed, "cluster", site.number), method.clusters)
    labels = torch.from_numpy(found.labels)
    if method.keep in ("centroid", "average"):
        return labels, None, found.distinct
    if method.keep == "medoid":
        kept = medoids(site.rows.double(), labels)
    elif method.keep == "loss":
        # In the order of the labels, which number the clusters by their first filter.
        alive = _by_loss(site, found.count, torch.arange(width), labels)
        kept = alive[labels[alive].argsort()]
    else:
        kept = best_of_each(_scores(site), labels)
    return labels, kept, found.distinct


def _copies(site: Site) -> tuple[int, Tensor]:
    """How many filters are distinct, and for each the first that equals it."""
    rows = filter_rows(site.inner).numpy()
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return len(first), torch.from_numpy(first[inverse.reshape(-1)])


def _by_loss(site: Site, k: int, copies: Tensor, labels: Tensor | None) -> Tensor:
    """The filters that stay, ascending; of equal ones only the first may."""
    firsts = copies.unique()
    if labels is None and len(firsts) <= k:
        return firsts
    of, start = _of_distinct(site, copies)
    if labels is not None:
        return firsts[eliminate(of, start, k, labels)]
    return firsts[exchange(of, start, site.elimination.down_to(k))]


def _of_distinct(site: Site, copies: Tensor) -> tuple[Moments, Tensor]:
    """Moments of distinct filters' channels, and conv2 as unknowns with equal filters' slices summed."""
    rows = channel_rows(copies.unique())
    start = site.outer.start(_gathered(site.straight, copies))
    return site.everything.take(rows), start[torch.cat([rows, torch.tensor([len(start) - 1])])]


def _losses(site: Site, labels: Tensor) -> tuple[float, ...]:
    """See `BlockReport.losses`; () where filters are chosen otherwise."""
    if site.method.keep != "loss" or site.method.clusters != NO_CLUSTERS:
        return ()
    firsts = _copies(site)[1].unique()
    start = site.outer.start(site.straight.conv2)
    rows = torch.cat([channel_rows(firsts), torch.tensor([len(start) - 1])])
    kept = (labels[firsts] >= 0).nonzero().squeeze(1)
    losses = torch.zeros(len(labels), dtype=torch.float64)
    losses[firsts] = regrets(site.everything.take(channel_rows(firsts)), start[rows], kept)
    return tuple(losses.tolist())


def _gathered(inner: Inner, copies: Tensor) -> Tensor:
    """conv2 with the slices of equal filters summed into the first of them, the others zero."""
    conv2 = torch.zeros_like(inner.conv2)
    return conv2.index_add_(1, copies, inner.conv2)


def _labels_of(site: Site, kept: Tensor, copies: Tensor) -> Tensor:
    """Kept filters are numbered; under `loss` a copy goes with its original, everything else is dropped."""
    labels = torch.full((site.inner.width,), -1)
    labels[kept] = torch.arange(len(kept))
    return labels[copies] if site.method.keep == "loss" else labels


def _is_exact(site: Site, labels: Tensor) -> bool:
    """True where only equal filters went together, and conv2's slices were summed."""
    copies = _copies(site)[1]
    pairs = torch.stack([labels, copies]).unique(dim=1)
    alone = bool((labels >= 0).all()) and pairs.shape[1] == int(labels.max()) + 1
    return alone and _sums(site.method)


def _sums(method: Method) -> bool:
    # Filters that are equal are one filter to the least-squares choice, whatever else is repaired.
    return "sum" in method.repair or (method.clusters == NO_CLUSTERS and method.keep == "loss")


def _scores(site: Site) -> Tensor:
    generator = torch_generator(site.seed, "score", site.number)
    return SCORES[site.method.keep](site.inner, generator)


def _merge(site: Site, labels: Tensor, kept: Tensor | None) -> Inner:
    method, straight = site.method, site.straight
    if kept is not None:
        small = straight.take(kept)
        return replace(small, conv2=merge.summed_slices(straight, labels)) if _sums(method) else small
    small = merge.merge_source(straight, labels) if method.keep == "average" else merge.merge_folded(straight, labels)
    if "variance" in method.repair:
        small = merge.correct_variance(small, straight, labels)
    return replace(small, conv2=merge.summed_slices(straight, labels)) if _sums(method) else small
