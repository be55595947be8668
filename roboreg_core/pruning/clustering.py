"""Clustering of a block's filters by k-means, or by Ward's linkage cut at `k`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.cluster.hierarchy import cut_tree, ward
from sklearn.cluster import KMeans

from roboreg_core.errors import SpecError

# k-means restarts; with ten the result hardly depends on the seed.
STARTS = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class Clusters:
    """Clusters of filters.

    Attributes:
        labels: int (n_filters,), clusters numbered from 0 in the order of their first filter.
        count: number of clusters; fewer than requested if fewer filters are distinct.
        distinct: number of distinct feature rows.
    """

    labels: np.ndarray
    count: int
    distinct: int


def cluster(features: np.ndarray, k: int, seed: int, how: str = "kmeans") -> Clusters:
    """Group filters into at most `k` clusters, independently of the order of the filters.

    Args:
        features: (n_filters, n_features), finite.
        k: 1..n_filters; with n_filters each filter is a cluster, duplicates too.
        seed: seed of k-means.
        how: `kmeans` or `ward`.

    Raises `SpecError`: `k` is out of bounds, or a feature is not finite.
    """
    n = len(features)
    if not 1 <= k <= n:
        raise SpecError(f"the number of clusters must be 1..{n}, got {k}")
    if not np.isfinite(features).all():
        raise SpecError("filters must be finite to be clustered, got NaN or infinity; load another network")
    rows, inverse = np.unique(features, axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    if k == n:
        labels = np.arange(n)
    elif len(rows) <= k:
        labels = inverse
    else:
        # Sorted, weighted distinct rows: neither the order of filters nor duplicates affect the random starts.
        labels = CLUSTERINGS[how](rows, np.bincount(inverse), k, seed)[inverse]
    labels = _in_order(labels)
    return Clusters(labels=labels, count=int(labels.max()) + 1, distinct=len(rows))


def _kmeans(rows: np.ndarray, weights: np.ndarray, k: int, seed: int) -> np.ndarray:
    return KMeans(k, n_init=STARTS, random_state=seed % 2**32).fit(rows, sample_weight=weights).labels_


def _ward(rows: np.ndarray, weights: np.ndarray, k: int, _: int) -> np.ndarray:
    # Duplicates merge at height zero, so every filter has its weight, and k + 1 clusters split one of k clusters.
    copies = np.repeat(np.arange(len(rows)), weights)
    points = rows[copies].astype(np.float64)
    labels = cut_tree(_linkage(points.tobytes(), points.shape[1]), n_clusters=[k])[:, 0]
    return labels[np.searchsorted(copies, np.arange(len(rows)))]


@lru_cache(maxsize=32)
def _linkage(points: bytes, width: int) -> np.ndarray:
    """Ward's linkage of float64 rows of length `width`; cached because it is the same for every `k`."""
    linkage = ward(np.frombuffer(points).reshape(-1, width))
    linkage.setflags(write=False)
    return linkage


CLUSTERINGS: dict[str, Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]] = {"kmeans": _kmeans, "ward": _ward}


def _in_order(labels: np.ndarray) -> np.ndarray:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse.reshape(-1)]
