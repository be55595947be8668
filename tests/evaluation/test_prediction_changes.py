"""Bands partition the images; Pareto front and shared errors follow their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.errors import DataError
from roboreg_core.evaluation.pareto_front import pareto_front
from roboreg_core.evaluation.prediction_changes import BANDS, prediction_changes
from roboreg_core.evaluation.shared_errors import overlap


def staged(n: int, stages: int, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 10, n)
    return labels, [np.where(generator.random(n) < 0.6, labels, generator.integers(0, 10, n)) for _ in range(stages)]


@given(st.integers(0, 300), st.sampled_from([2, 3]), st.integers(0, 10_000))
def test_bands_partition_the_images(n: int, count: int, seed: int) -> None:
    labels, stages = staged(n, count, seed)
    found = prediction_changes(labels, stages, 10)
    everything = np.concatenate([found.images(band) for band in BANDS])
    assert np.array_equal(np.sort(everything), np.arange(n))
    by_class = np.concatenate([found.images(band, label) for band in BANDS for label in range(10)])
    assert np.array_equal(np.sort(by_class), np.arange(n))
    assert found.counts.sum() == n
    assert found.counts.sum(0).tolist() == np.bincount(labels, minlength=10).tolist()
    assert sum(each["images"] for each in found.to_json().values()) == n
    assert [found.count(band) for band in found.bands] == found.counts.sum(1).tolist()


@given(st.integers(1, 300), st.integers(0, 10_000))
def test_bands_follow_the_correct_stages(n: int, seed: int) -> None:
    labels, stages = staged(n, 3, seed)
    found = prediction_changes(labels, stages, 10)
    dense, pruned, tuned = ((each == labels) for each in stages)
    assert found.count("kept") + found.count("recovered") == (dense & tuned).sum()
    assert found.count("lost") + found.count("broken") == (dense & ~tuned).sum()
    assert found.count("gained") == (~dense & tuned).sum()
    assert found.images("recovered").tolist() == np.flatnonzero(dense & ~pruned & tuned).tolist()
    assert found.images("broken").tolist() == np.flatnonzero(dense & pruned & ~tuned).tolist()
    assert found.images("passing").tolist() == np.flatnonzero(~dense & pruned & ~tuned).tolist()


def test_two_stages_have_four_bands() -> None:
    labels, stages = staged(100, 2, 0)
    found = prediction_changes(labels, stages, 10)
    assert found.bands == ("kept", "lost", "gained", "never")
    assert (found.count("recovered"), len(found.images("recovered"))) == (0, 0)


def test_invalid_stages_and_bands_are_refused() -> None:
    labels, stages = staged(10, 3, 0)
    with pytest.raises(DataError, match="two or three stages"):
        prediction_changes(labels, stages[:1], 10)
    with pytest.raises(DataError, match="one prediction per image"):
        prediction_changes(labels[:5], stages, 10)
    with pytest.raises(DataError, match="a band must be one of kept, recovered"):
        prediction_changes(labels, stages, 10).images("forgotten")


points = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=30)


@given(points)
def test_the_front_is_not_dominated(networks: list[tuple[int, int]]) -> None:
    front = pareto_front(*zip(*networks, strict=True))
    for place, (cost, accuracy) in enumerate(networks):
        beaten = any(other != (cost, accuracy) and other[0] <= cost and other[1] >= accuracy for other in networks)
        assert front[place] == (not beaten)


@given(st.integers(1, 6), st.integers(1, 80), st.integers(0, 10_000))
def test_overlap_counts_sets(networks: int, images: int, seed: int) -> None:
    lost = np.random.default_rng(seed).random((networks, images)) < 0.3
    found = overlap(lost, images)
    sets = [set(np.flatnonzero(row).tolist()) for row in lost]
    for i, a in enumerate(sets):
        for j, b in enumerate(sets):
            assert found.counts[i, j] == len(a & b)
            assert found.jaccard[i, j] == pytest.approx(len(a & b) / len(a | b) if a | b else 0.0)
            assert found.by_chance[i, j] == pytest.approx(len(a) * len(b) / images)
