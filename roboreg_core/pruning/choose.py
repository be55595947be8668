"""Which filters of a block stay, and what becomes of the others."""

from __future__ import annotations

import torch
from torch import Tensor

from roboreg_core.pruning.cluster import cluster
from roboreg_core.pruning.keep import SCORES, best, best_of_each, medoids
from roboreg_core.pruning.least_squares import channel_rows, eliminate, exchange, regrets
from roboreg_core.pruning.method import NO_CLUSTERS, Method
from roboreg_core.pruning.site import Site, copies_of, of_distinct
from roboreg_core.seeding import derive, torch_generator


def choose(site: Site, k: int) -> tuple[Tensor, Tensor | None, int]:
    """Label of each filter (-1: dropped), which filters stay (None: means of clusters do), how many are distinct."""
    width, method = site.inner.width, site.method
    distinct, copies = copies_of(site)
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


def _by_loss(site: Site, k: int, copies: Tensor, labels: Tensor | None) -> Tensor:
    """The filters that stay, ascending; of equal ones only the first may."""
    firsts = copies.unique()
    if labels is None and len(firsts) <= k:
        return firsts
    of, start = of_distinct(site, copies)
    if labels is not None:
        return firsts[eliminate(of, start, k, labels)]
    return firsts[exchange(of, start, site.elimination.down_to(k))]


def losses_of(site: Site, labels: Tensor) -> tuple[float, ...]:
    """See `BlockReport.losses`; () where filters are chosen otherwise."""
    if site.method.keep != "loss" or site.method.clusters != NO_CLUSTERS:
        return ()
    firsts = copies_of(site)[1].unique()
    start = site.outer.start(site.straight.conv2)
    rows = torch.cat([channel_rows(firsts), torch.tensor([len(start) - 1])])
    kept = (labels[firsts] >= 0).nonzero().squeeze(1)
    losses = torch.zeros(len(labels), dtype=torch.float64)
    losses[firsts] = regrets(site.everything.take(channel_rows(firsts)), start[rows], kept)
    return tuple(losses.tolist())


def _labels_of(site: Site, kept: Tensor, copies: Tensor) -> Tensor:
    """Kept filters are numbered; under `loss` a copy goes with its original, everything else is dropped."""
    labels = torch.full((site.inner.width,), -1)
    labels[kept] = torch.arange(len(kept))
    return labels[copies] if site.method.keep == "loss" else labels


def is_exact(site: Site, labels: Tensor) -> bool:
    """True where only equal filters went together, and conv2's slices were summed."""
    copies = copies_of(site)[1]
    pairs = torch.stack([labels, copies]).unique(dim=1)
    alone = bool((labels >= 0).all()) and pairs.shape[1] == int(labels.max()) + 1
    return alone and sums_slices(site.method)


def sums_slices(method: Method) -> bool:
    """Whether conv2's slices of filters that go together are summed."""
    # Filters that are equal are one filter to the least-squares choice, whatever else is repaired.
    return "sum" in method.repair or (method.clusters == NO_CLUSTERS and method.keep == "loss")


def _scores(site: Site) -> Tensor:
    generator = torch_generator(site.seed, "score", site.number)
    return SCORES[site.method.keep](site.inner, generator)
