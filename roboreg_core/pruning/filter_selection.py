"""Selection of the filters that a block keeps, and of the cluster that each filter belongs to."""

from typing import NamedTuple

import torch
from torch import Tensor

from roboreg_core.pruning.backward_elimination import BackwardElimination, exchange
from roboreg_core.pruning.block_context import BlockContext
from roboreg_core.pruning.clustering import cluster
from roboreg_core.pruning.criteria import SCORES, medoids, top_k, top_of_each
from roboreg_core.pruning.least_squares import to_unknowns
from roboreg_core.pruning.methods import NO_CLUSTERS, Method
from roboreg_core.seeding import derive, torch_generator


class FilterSelection(NamedTuple):
    """The filters that a block keeps, and where the others go.

    Attributes:
        labels: index after pruning of the filter that each filter becomes or joins, int (width,); -1 if dropped.
        kept: indices of the kept filters, int (n_kept,); None if cluster means replace them.
        distinct: number of distinct filters.
        losses: see `BlockReport.losses`.
    """

    labels: Tensor
    kept: Tensor | None
    distinct: int
    losses: tuple[float, ...] = ()


def select_filters(context: BlockContext, k: int) -> FilterSelection:
    """Select at most `k` filters of a block by the context's method."""
    width, method = context.tensors.width, context.method
    if k == width:
        return FilterSelection(torch.arange(width), torch.arange(width), len(context.distinct_filters))
    if method.clusters == NO_CLUSTERS:
        return _by_reconstruction_error(context, k) if method.keep == "loss" else _by_score(context, k)
    found = cluster(context.feature_rows.numpy(), k, derive(context.seed, "cluster", context.number), method.clusters)
    labels = torch.from_numpy(found.labels)
    if method.keep in ("centroid", "average"):
        return FilterSelection(labels, None, found.distinct)
    if method.keep == "medoid":
        kept = medoids(context.feature_rows.double(), labels)
    elif method.keep == "loss":
        prior = to_unknowns(*context.output_norm.fold(context.refitted_block.conv2))
        remaining = BackwardElimination(context.channel_moments, prior, labels).down_to(found.count)
        kept = remaining[labels[remaining].argsort()]
    else:
        kept = top_of_each(_scores(context), labels)
    return FilterSelection(labels, kept, found.distinct)


def _by_reconstruction_error(context: BlockContext, k: int) -> FilterSelection:
    """Backward elimination and exchanges over distinct filters; duplicates share the fate of the first."""
    distinct, losses = context.distinct_filters, torch.zeros(context.tensors.width, dtype=torch.float64)
    kept = distinct
    if len(distinct) > k:
        selection = exchange(*context.distinct_problem, context.elimination.down_to(k))
        kept, losses[distinct] = distinct[selection.kept], selection.marginal_gains
    labels = _number(context, kept)[context.first_equal]
    return FilterSelection(labels, kept, len(distinct), tuple(losses.tolist()))


def _by_score(context: BlockContext, k: int) -> FilterSelection:
    kept = top_k(_scores(context), k)
    return FilterSelection(_number(context, kept), kept, len(context.distinct_filters))


def _number(context: BlockContext, kept: Tensor) -> Tensor:
    """Labels that number the kept filters; -1 for all others."""
    labels = torch.full((context.tensors.width,), -1)
    labels[kept] = torch.arange(len(kept))
    return labels


def is_exact(context: BlockContext, labels: Tensor) -> bool:
    """True if merging filters by these labels leaves the block's output unchanged.

    This requires that only equal filters are merged and that conv2's weights for them are added up. `labels`,
    int (width,), is the cluster of each filter, or -1 for a dropped filter, which makes the result False.
    """
    pairs = torch.stack([labels, context.first_equal]).unique(dim=1)
    only_equal = bool((labels >= 0).all()) and pairs.shape[1] == int(labels.max()) + 1
    return only_equal and sums_slices(context.method)


def sums_slices(method: Method) -> bool:
    """True if the method adds up the conv2 weights that read the channels of merged filters."""
    # The selection by reconstruction error always treats equal filters as one.
    return "sum" in method.repair or (method.clusters == NO_CLUSTERS and method.keep == "loss")


def _scores(context: BlockContext) -> Tensor:
    generator = torch_generator(context.seed, "score", context.number)
    return SCORES[context.method.keep](context.tensors, generator)
