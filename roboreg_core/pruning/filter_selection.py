"""Which filters of a block stay, and what becomes of the others."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from roboreg_core.pruning.backward_elimination import eliminate, exchange
from roboreg_core.pruning.block_context import BlockContext
from roboreg_core.pruning.clustering import cluster
from roboreg_core.pruning.criteria import SCORES, best, best_of_each, medoids
from roboreg_core.pruning.methods import NO_CLUSTERS, Method
from roboreg_core.seeding import derive, torch_generator


class FilterSelection(NamedTuple):
    """What `choose` found.

    Attributes:
        labels: int (width,), for each filter the one after that it goes into; -1 where it is dropped.
        kept: int (n_kept,), which filters stay; None where means of clusters do.
        distinct: how many different filters there are.
        losses: see `BlockReport.losses`.
    """

    labels: Tensor
    kept: Tensor | None
    distinct: int
    losses: tuple[float, ...] = ()


def choose(site: BlockContext, k: int) -> FilterSelection:
    """Which filters of a block stay where at most `k` may."""
    width, method = site.inner.width, site.method
    if k == width:
        return FilterSelection(torch.arange(width), torch.arange(width), site.distinct)
    if method.clusters == NO_CLUSTERS:
        return _by_loss(site, k) if method.keep == "loss" else _by_score(site, k)
    found = cluster(site.rows.numpy(), k, derive(site.seed, "cluster", site.number), method.clusters)
    labels = torch.from_numpy(found.labels)
    if method.keep in ("centroid", "average"):
        return FilterSelection(labels, None, found.distinct)
    if method.keep == "medoid":
        kept = medoids(site.rows.double(), labels)
    elif method.keep == "loss":
        start = site.outer.start(site.straight.conv2)
        alive = eliminate(site.everything, start, found.count, labels)
        # In the order of the labels, which number the clusters by their first filter.
        kept = alive[labels[alive].argsort()]
    else:
        kept = best_of_each(_scores(site), labels)
    return FilterSelection(labels, kept, found.distinct)


def _by_loss(site: BlockContext, k: int) -> FilterSelection:
    """Of equal filters only the first may stay; a copy goes with its original."""
    firsts, losses = site.firsts, torch.zeros(site.inner.width, dtype=torch.float64)
    kept = firsts
    if len(firsts) > k:
        selection = exchange(*site.of_distinct, site.elimination.down_to(k))
        kept, losses[firsts] = firsts[selection.kept], selection.regrets
    return FilterSelection(_numbered(site, kept)[site.copies], kept, site.distinct, tuple(losses.tolist()))


def _by_score(site: BlockContext, k: int) -> FilterSelection:
    kept = best(_scores(site), k)
    return FilterSelection(_numbered(site, kept), kept, site.distinct)


def _numbered(site: BlockContext, kept: Tensor) -> Tensor:
    """Labels that number the kept filters and drop all others."""
    labels = torch.full((site.inner.width,), -1)
    labels[kept] = torch.arange(len(kept))
    return labels


def is_exact(site: BlockContext, labels: Tensor) -> bool:
    """True where only equal filters went together, and conv2's slices were summed."""
    pairs = torch.stack([labels, site.copies]).unique(dim=1)
    alone = bool((labels >= 0).all()) and pairs.shape[1] == int(labels.max()) + 1
    return alone and sums_slices(site.method)


def sums_slices(method: Method) -> bool:
    """Whether conv2's slices of filters that go together are summed."""
    # Filters that are equal are one filter to the least-squares choice, whatever else is repaired.
    return "sum" in method.repair or (method.clusters == NO_CLUSTERS and method.keep == "loss")


def _scores(site: BlockContext) -> Tensor:
    generator = torch_generator(site.seed, "score", site.number)
    return SCORES[site.method.keep](site.inner, generator)
