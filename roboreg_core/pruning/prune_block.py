"""Pruning of one residual block: selection of filters, merging and least-squares reconstruction."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from roboreg_core.pruning import merging
from roboreg_core.pruning.block_context import BlockContext
from roboreg_core.pruning.block_tensors import BlockTensors, NormTensors
from roboreg_core.pruning.calibration import ActivationBatches
from roboreg_core.pruning.filter_mixing import mix_filters, mixed, unmixed
from roboreg_core.pruning.filter_selection import is_exact, select_filters, sums_slices
from roboreg_core.pruning.least_squares import channel_rows, error, to_unknowns
from roboreg_core.pruning.patches import convolve
from roboreg_core.pruning.refit import refit_conv2


@dataclass(frozen=True, kw_only=True)
class BlockReport:
    """Filters of one block before and after pruning.

    Attributes:
        block: its number, from 1.
        before, asked, kept: number of filters before, requested, and kept.
        distinct: number of distinct filters before.
        dead: number of filters with a constant channel before.
        labels: index after pruning of the filter that each filter became or joined; -1 if dropped.
        losses: marginal loss of each dropped filter, 0 for kept ones: decrease of the block's reconstruction error with
            this filter kept as well, as a share of the variance of the block's targets. Only for selection by `loss`
            without clusters.
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
        """All attributes as a JSON object."""
        return {**asdict(self), "labels": list(self.labels), "losses": list(self.losses)}


@dataclass(frozen=True, kw_only=True, eq=False)
class PrunedBlock:
    """A pruned block.

    Attributes:
        tensors, output_norm: tensors of the pruned block, and its bn2.
        report: its filters before and after.
        changed: True if pruning changed the output of the network up to and including this block.
        channels: its channels before their ReLU on the calibration images, if they were computed; `advance` overwrites
            them.
    """

    tensors: BlockTensors
    output_norm: NormTensors
    report: BlockReport
    changed: bool
    channels: ActivationBatches = ()


def prune_block(context: BlockContext, k: int) -> PrunedBlock:
    """Prune a block to at most `k` filters; its tensors stay if all are kept and earlier blocks are unchanged."""
    labels, kept, distinct, losses = select_filters(context, k)
    width = context.tensors.width
    count = int(labels.max()) + 1
    keeps_all = count == width
    tensors = context.refitted_block if keeps_all else _merge(context, labels, kept)
    output_norm = context.output_norm
    changed = context.upstream_changed or not (keeps_all or is_exact(context, labels))
    channels: ActivationBatches = ()
    if context.refits and changed:
        if keeps_all:
            statistics = context.statistics_of_all()
            tensors, output_norm = refit_conv2(tensors, output_norm, statistics.moments)
            channels = statistics.channels
        elif kept is None:
            tensors, output_norm = refit_conv2(tensors, output_norm, context.statistics(tensors).moments)
        else:
            moments = context.channel_moments.take(channel_rows(kept))
            tensors, output_norm = refit_conv2(tensors, output_norm, moments)
            lowest = error(moments, to_unknowns(*output_norm.fold(tensors.conv2)).double())
            tensors, output_norm, channels = _mix(context, tensors, output_norm, kept, lowest)
    report = BlockReport(
        block=context.number,
        before=width,
        asked=k,
        kept=count,
        distinct=distinct,
        dead=int(context.tensors.dead.sum()),
        labels=tuple(labels.tolist()),
        losses=() if keeps_all else losses,
    )
    return PrunedBlock(tensors=tensors, output_norm=output_norm, report=report, changed=changed, channels=channels)


def _mix(
    context: BlockContext, tensors: BlockTensors, output_norm: NormTensors, kept: Tensor, lowest: float
) -> tuple[BlockTensors, NormTensors, ActivationBatches]:
    """Alternate between mixing filters and fitting conv2 for the method's rounds, while the error falls below `lowest`.

    Returns:
        The tensors, and the channels before their ReLU, empty if no filter was mixed.
    """
    channels: ActivationBatches = ()
    mixtures = unmixed(kept, context.tensors.width)
    for _ in range(context.method.rounds):
        mixtures = mix_filters(context.output_patches, mixtures, to_unknowns(*output_norm.fold(tensors.conv2)))
        new = mixed(context.refitted_block, tensors, mixtures, context.output_patches)
        statistics = context.statistics_of_mixed(new, mixtures)
        new, new_norm = refit_conv2(new, output_norm, statistics.moments)
        # Mixtures are fitted at a few sampled pixels; this error counts all of them.
        reached = error(statistics.moments, to_unknowns(*new_norm.fold(new.conv2)).double())
        if not reached < lowest:
            break
        tensors, output_norm, lowest, channels = new, new_norm, reached, statistics.channels
    return tensors, output_norm, channels


@torch.no_grad()
def advance(context: BlockContext, pruned: PrunedBlock) -> ActivationBatches:
    """Output of the pruned block on the calibration images, (n, outputs, h, w); overwrites `pruned.channels`."""
    assert context.inputs is not None
    block, conv1 = context.block, pruned.tensors.folded()
    conv2 = pruned.output_norm.fold(pruned.tensors.conv2)
    channels = pruned.channels or (convolve(x, *conv1, block.conv1.stride[0]) for x in context.inputs)
    return tuple(
        block.add_shortcut(convolve(before.relu_(), *conv2), x).relu_()
        for x, before in zip(context.inputs, channels, strict=True)
    )


def _merge(context: BlockContext, labels: Tensor, kept: Tensor | None) -> BlockTensors:
    method, tensors = context.method, context.refitted_block
    if kept is not None:
        merged = tensors.take(kept)
    elif method.keep == "average":
        merged = merging.merge_source(tensors, labels)
    else:
        merged = merging.merge_folded(tensors, labels)
    if "variance" in method.repair:
        merged = merging.correct_variance(merged, tensors, labels)
    return replace(merged, conv2=merging.summed_slices(tensors, labels)) if sums_slices(method) else merged
