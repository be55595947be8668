"""The filters of one block in a run: kept, merged or dropped, their clusters and correlations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roboreg_core.errors import SpecError, StoreError
from roboreg_core.runs.dense_network import dense_network

if TYPE_CHECKING:
    import numpy as np

    from roboreg_core.pruning.filter_similarity import WardTree
    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store

FATES = ("stays", "merged", "dropped")


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockFilters:
    """The n filters of one block in a run.

    Attributes:
        block: its number, from 1.
        features: the features that `correlation` and `tree` are computed from, see `pruning.methods.FEATURES`.
        clustered: the run's clustering: `kmeans`, `ward`, or `none`.
        labels: int (n,), index of the pruned filter that each filter went into, -1 if it was dropped.
        fates: one of `FATES` per filter. A cluster's representative stays and its other filters are merged; if their
            mean represents the cluster, all are merged.
        known: False if the representatives are unknown; all filters of a cluster then count as merged.
        correlation: (n, n), between the filters' features.
        tree: Ward linkage of the features.
        order: the filters by cluster, then by leaf of the tree.
        cut: True if the run's clusters are a cut of this tree.
        cluster_lost: per pruned filter, share of the features' total variance lost by merging into it.
        losses: decrease of the block's relative error if this filter were kept as well; 0 for those that stay,
            None if the run did not store it.
        pictures: uint8 (n, height, width, 3), see `pruning.filter_similarity.pictures`.
    """

    block: int
    features: str
    clustered: str
    labels: np.ndarray
    fates: tuple[str, ...]
    known: bool
    correlation: np.ndarray
    tree: WardTree
    order: np.ndarray
    cut: bool
    cluster_lost: np.ndarray
    losses: np.ndarray | None
    pictures: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """JSON object with the attributes as lists, except `pictures`; `tree` becomes `merges` and `merge_lost`."""
        return {
            "block": self.block,
            "features": self.features,
            "clustered": self.clustered,
            "labels": self.labels.tolist(),
            "fates": list(self.fates),
            "known": self.known,
            "order": self.order.tolist(),
            "cut": self.cut,
            "correlation": self.correlation.round(6).tolist(),
            "merges": self.tree.merges.tolist(),
            "merge_lost": self.tree.lost.tolist(),
            "cluster_lost": self.cluster_lost.tolist(),
            "losses": None if self.losses is None else self.losses.tolist(),
        }


def clusters_of(record: Record, block: int, store: Store) -> BlockFilters:
    """Kept, merged and dropped filters of `block` (from 1) of a run, with their clusters and correlations.

    Computed from the labels in the record and the weights of the dense network.

    Raises `SpecError`: the block does not exist, or the run set single weights to zero; `StoreError`: the dense network
    is missing, or the run stored no labels.
    """
    import numpy as np

    from roboreg_core.pruning import filter_similarity
    from roboreg_core.pruning.methods import NO_CLUSTERS, RESPONSES, parse, parse_weights

    n_blocks = len(record.spec["schedule"])
    if not 1 <= block <= n_blocks:
        raise SpecError(f"a block must be 1..{n_blocks}, got {block}")
    if parse_weights(record.spec["method"]) is not None:
        raise SpecError(f"run {record.id} has no filter clusters: it set single weights to zero")
    model, method = dense_network(record, store), parse(record.spec["method"])
    report = record.result["pruning"]["blocks"][block - 1]
    labels = np.array(report["labels"], dtype=np.int64)
    if len(labels) != model.blocks[block - 1].conv1.out_channels:
        raise StoreError(f"run {record.id} stored no labels for the filters of block {block}: run it again")
    rows, features = filter_similarity.feature_rows(model, block, method)
    linkage = filter_similarity.tree(rows)
    kept_filters = filter_similarity.kept_filters(model, block, method, labels, record.spec["seed"])
    losses = report.get("losses")
    return BlockFilters(
        block=block,
        features=features,
        clustered=method.clusters,
        labels=labels,
        fates=tuple(
            "stays" if kept_filters is not None and kept_filters[index] else "merged" if label >= 0 else "dropped"
            for index, label in enumerate(labels)
        ),
        known=kept_filters is not None,
        correlation=filter_similarity.correlations(rows),
        tree=linkage,
        order=linkage.order if method.clusters == NO_CLUSTERS else _by_cluster(labels, linkage.order),
        cut=method.clusters == "ward" and method.features != RESPONSES,
        cluster_lost=_lost(rows, labels),
        losses=np.array(losses) if losses else None,
        pictures=filter_similarity.pictures(model, block),
    )


def _by_cluster(labels: np.ndarray, leaves: np.ndarray) -> np.ndarray:
    """Leaves of the tree, grouped by cluster in the order of the clusters' first leaves."""
    import numpy as np

    first = dict.fromkeys(labels[leaves].tolist())
    return np.concatenate([leaves[labels[leaves] == label] for label in first])


def _lost(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    import numpy as np

    total = max(float(((rows - rows.mean(0)) ** 2).sum()), 1e-300)
    groups = (rows[labels == label] for label in range(int(labels.max()) + 1))
    return np.array([float(((group - group.mean(0)) ** 2).sum()) / total for group in groups])
