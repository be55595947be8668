"""What became of one block's filters in a run: which merged, which stayed, which went, and how alike they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roboreg_core.errors import SpecError, StoreError
from roboreg_core.runs.dense_network import dense_network
from roboreg_core.schedules.schedule import BOUNDS

if TYPE_CHECKING:
    import numpy as np

    from roboreg_core.pruning.filter_similarity import WardTree
    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store

FATES = ("stays", "merged", "dropped")


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockFilters:
    """One block's filters in a run.

    Attributes:
        block: 1..9.
        features: what the correlations and the tree are of, see `pruning.method.FEATURES`.
        clustered: how the run clustered: `kmeans`, `ward`, or `none`.
        labels: int (n,), the filter after pruning that each went into, -1 where it was dropped.
        fates: for each filter one of `FATES`. In a cluster of several, the one that stays in the others' place stays
            and the others are merged; where a mean takes their place, all are merged.
        known: False where the record cannot tell which of a cluster stays; all of it then count as merged.
        correlation: (n, n), of the filters' features.
        tree: Ward's linkage of them.
        order: the filters by cluster, inside a cluster and without clusters as the tree has them.
        cut: whether the run's clusters are a cut of this very tree.
        cluster_lost: for each filter after pruning, the share of the filters' variance that merging into it gave up.
        losses: for each filter, how much the block's error would fall, as a share of what the block adds, had it been
            kept as well; 0 for those that stay, None where the run did not store it.
        pictures: uint8 (n, height, width, 3), see `pruning.anatomy.pictures`.
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
        """Every figure as a JSON object; pictures are drawn from weights and left out."""
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
    """What became of the filters of `block`, 1..9, computed from the record's labels and the dense network's weights.

    Raises:
        SpecError: there is no such block, or the run pruned single weights.
        StoreError: the dense network is not here, or the run stored no labels.
    """
    import numpy as np

    from roboreg_core.pruning import filter_similarity
    from roboreg_core.pruning.methods import NO_CLUSTERS, RESPONSES, parse, parse_weights

    if not 1 <= block <= len(BOUNDS):
        raise SpecError(f"a block must be 1..{len(BOUNDS)}, got {block}")
    if parse_weights(record.spec["method"]) is not None:
        raise SpecError(
            f"clusters are of filters, got run {record.id}, which set single weights to zero: choose another"
        )
    model, method = dense_network(record, store), parse(record.spec["method"])
    report = record.result["pruning"]["blocks"][block - 1]
    labels = np.array(report["labels"], dtype=np.int64)
    if len(labels) != model.blocks[block - 1].conv1.out_channels:
        raise StoreError(f"run {record.id} stored no labels for the filters of block {block}: do it again")
    rows, features = filter_similarity.rows_of(model, block, method)
    linkage = filter_similarity.tree(rows)
    stays = filter_similarity.stays(model, block, method, labels, record.spec["seed"])
    losses = report.get("losses")
    return BlockFilters(
        block=block,
        features=features,
        clustered=method.clusters,
        labels=labels,
        fates=tuple(_fate(label, stay) for label, stay in zip(labels, _or_none(stays, labels), strict=True)),
        known=stays is not None,
        correlation=filter_similarity.correlations(rows),
        tree=linkage,
        order=_order(labels, linkage.order, method.clusters == NO_CLUSTERS),
        cut=method.clusters == "ward" and method.features != RESPONSES,
        cluster_lost=_lost(rows, labels),
        losses=np.array(losses) if losses else None,
        pictures=filter_similarity.pictures(model, block),
    )


def _or_none(stays: np.ndarray | None, labels: np.ndarray) -> list[bool]:
    return [False] * len(labels) if stays is None else stays.tolist()


def _fate(label: int, stays: bool) -> str:
    if stays:
        return "stays"
    return "merged" if label >= 0 else "dropped"


def _order(labels: np.ndarray, leaves: np.ndarray, no_clusters: bool) -> np.ndarray:
    """The leaves' order; with clusters, those of a cluster side by side, clusters by their first leaf."""
    import numpy as np

    if no_clusters:
        return leaves
    first = dict.fromkeys(labels[leaves].tolist())
    return np.concatenate([leaves[labels[leaves] == label] for label in first])


def _lost(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    import numpy as np

    total = max(float(((rows - rows.mean(0)) ** 2).sum()), 1e-300)
    groups = (rows[labels == label] for label in range(int(labels.max()) + 1))
    return np.array([float(((group - group.mean(0)) ** 2).sum()) / total for group in groups])
