"""Prunes one residual block: which filters stay, what becomes of the others, and what is solved anew."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from torch import Tensor

from roboreg_core.pruning import merging
from roboreg_core.pruning.block_context import BlockContext
from roboreg_core.pruning.block_tensors import BlockTensors, OutputBatchNorm
from roboreg_core.pruning.calibration import Parts
from roboreg_core.pruning.filter_mixing import blend, mixed, pure
from roboreg_core.pruning.filter_selection import choose, is_exact, sums_slices
from roboreg_core.pruning.least_squares import channel_rows, error
from roboreg_core.pruning.patches import convolve
from roboreg_core.pruning.refit import refit_conv2


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
        channels: its channels before their ReLU on the calibration images, where they were computed on the way;
            `advance` takes them, and nothing else should keep them.
    """

    inner: BlockTensors
    outer: OutputBatchNorm
    report: BlockReport
    changed: bool
    channels: Parts = ()


def prune_block(site: BlockContext, k: int) -> PrunedBlock:
    """Keep at most `k` filters of a block. Where all stay and nothing is to mend, it stays as it is."""
    labels, kept, distinct, losses = choose(site, k)
    width = site.inner.width
    count = int(labels.max()) + 1
    if count == width:
        inner, outer = site.straight, site.outer
    else:
        inner, outer = _merge(site, labels, kept), site.outer
    changed = site.mended or not (count == width or is_exact(site, labels))
    channels: Parts = ()
    if site.refits and changed and count == width:
        passed: list[Tensor] = []
        inner, outer = refit_conv2(inner, outer, site.unmixed(passed))
        channels = tuple(passed)
    elif site.refits and changed:
        of = site.moments_of(inner) if kept is None else site.everything.take(channel_rows(kept))
        inner, outer = refit_conv2(inner, outer, of)
        if kept is not None:
            inner, outer, channels = _blend(site, inner, outer, kept, error(of, outer.start(inner.conv2).double()))
    report = BlockReport(
        block=site.number,
        before=width,
        asked=k,
        kept=count,
        distinct=distinct,
        dead=int(site.inner.dead.sum()),
        labels=tuple(labels.tolist()),
        losses=losses if count < width else (),
    )
    return PrunedBlock(inner=inner, outer=outer, report=report, changed=changed, channels=channels)


def _blend(
    site: BlockContext, inner: BlockTensors, outer: OutputBatchNorm, kept: Tensor, lowest: float
) -> tuple[BlockTensors, OutputBatchNorm, Parts]:
    """Filters mixed and conv2 solved in turns, as often as the method says and as long as the error falls.

    With them their channels before the ReLU, which were computed on the way; none where nothing was mixed.
    """
    channels: Parts = ()
    mixtures = pure(kept, site.inner.width)
    for _ in range(site.method.rounds):
        mixtures = blend(site.around, mixtures, outer.start(inner.conv2))
        new = mixed(site.straight, inner, mixtures, site.around)
        passed: list[Tensor] = []
        of = site.moments_of_mixed(new, mixtures, passed)
        solved = refit_conv2(new, outer, of)
        reached = error(of, solved[1].start(solved[0].conv2).double())
        # Mixtures look at some of the places; here all of them count.
        if not reached < lowest:
            break
        (inner, outer), lowest, channels = solved, reached, tuple(passed)
    return inner, outer, channels


def advance(site: BlockContext, pruned: PrunedBlock) -> Parts:
    """Output of the pruned block for the site's inputs, (n, outputs, h, w) in all; `pruned.channels` are rectified."""
    assert site.inputs is not None
    block, outer = site.block, pruned.outer
    conv1, bias1 = pruned.inner.folded()
    conv2, bias2 = pruned.inner.conv2 * outer.scale.view(-1, 1, 1, 1), outer.beta - outer.mean * outer.scale
    channels = pruned.channels or (convolve(x, conv1, bias1, block.conv1.stride[0]) for x in site.inputs)
    return tuple(
        block.add_shortcut(convolve(before.relu_(), conv2, bias2), x).relu_()
        for x, before in zip(site.inputs, channels, strict=True)
    )


def _merge(site: BlockContext, labels: Tensor, kept: Tensor | None) -> BlockTensors:
    method, straight = site.method, site.straight
    if kept is not None:
        small = straight.take(kept)
        return replace(small, conv2=merging.summed_slices(straight, labels)) if sums_slices(method) else small
    small = (
        merging.merge_source(straight, labels) if method.keep == "average" else merging.merge_folded(straight, labels)
    )
    if "variance" in method.repair:
        small = merging.correct_variance(small, straight, labels)
    return replace(small, conv2=merging.summed_slices(straight, labels)) if sums_slices(method) else small
