import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import ward

from roboreg_core.errors import SpecError
from roboreg_core.pruning import clustering as module
from roboreg_core.pruning.clustering import cluster


def rows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 6)).astype(np.float32)


def same_groups(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(((first[:, None] == first) == (second[:, None] == second)).all())


@given(st.integers(1, 16), st.integers(0, 5))
def test_there_are_k_labels_in_order_of_their_first_filter(k: int, seed: int) -> None:
    found = cluster(rows(16, seed), k, seed)
    _, first = np.unique(found.labels, return_index=True)
    assert found.count == k
    assert (np.diff(first) > 0).all()


def test_with_as_many_clusters_as_filters_each_filter_is_a_cluster() -> None:
    features = np.repeat(rows(4), 2, axis=0)
    assert cluster(features, 8, 0).labels.tolist() == list(range(8))


@pytest.mark.parametrize("k", [4, 5, 7])
def test_fewer_distinct_filters_than_clusters_gives_one_cluster_each(k: int) -> None:
    features = np.repeat(rows(4), 2, axis=0)
    found = cluster(features, k, 0)
    assert (found.count, found.distinct) == (4, 4)
    assert found.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_order_of_filters_does_not_matter() -> None:
    features = rows(32)
    order = np.random.default_rng(1).permutation(32)
    assert same_groups(cluster(features, 9, 3).labels[order], cluster(features[order], 9, 3).labels)


def test_same_seed_same_clusters() -> None:
    assert (cluster(rows(64), 20, 7).labels == cluster(rows(64), 20, 7).labels).all()


@pytest.mark.parametrize("k", [0, 5, -1])
def test_k_out_of_bounds_is_refused(k: int) -> None:
    with pytest.raises(SpecError, match=r"must be 1\.\.4, got"):
        cluster(rows(4), k, 0)


def test_a_filter_that_is_not_finite_is_refused() -> None:
    features = rows(4)
    features[2, 1] = np.nan
    with pytest.raises(SpecError, match="finite"):
        cluster(features, 2, 0)


def test_all_filters_equal_makes_one_cluster() -> None:
    assert cluster(np.zeros((16, 3)), 5, 0).count == 1


def test_ward_is_nested_one_cluster_fewer_merges_exactly_one_pair() -> None:
    features = np.concatenate([rows(20), rows(3)])
    cuts = [cluster(features, k, 0, "ward").labels for k in range(1, 21)]
    for coarse, fine in itertools.pairwise(cuts):
        assert len(set(zip(coarse, fine, strict=True))) == len(set(fine)) == len(set(coarse)) + 1


def test_ward_does_not_depend_on_the_order_of_filters() -> None:
    features = rows(32)
    order = np.random.default_rng(1).permutation(32)
    first, second = cluster(features, 9, 0, "ward"), cluster(features[order], 9, 0, "ward")
    assert same_groups(first.labels[order], second.labels)


def test_a_block_has_one_dendrogram_for_every_k(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(module, "ward", lambda points: calls.append(len(points)) or ward(points))
    features = rows(24, seed=123)
    for k in (20, 3, 11):
        assert cluster(features, k, 0, "ward").count == k
    assert calls == [24]
