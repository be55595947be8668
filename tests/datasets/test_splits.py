from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.datasets.splits import REMOVED, TEST, TRAINING, VALIDATION, Duplicates, assign

SPLITS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from((TRAINING, VALIDATION, TEST)), st.integers(0, 25)), min_size=1
)


def arrays(rows: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, list[bytes]]:
    labels, splits, digests = zip(*rows, strict=True)
    return np.array(labels), np.array(splits), [str(each).encode() for each in digests]


@given(SPLITS)
def test_training_has_no_picture_twice_and_none_of_another_split(rows: list[tuple[int, int, int]]) -> None:
    labels, given_splits, digests = arrays(rows)
    found = assign(labels, given_splits, digests)
    kept = {
        split: [digests[i] for i in np.flatnonzero(found.splits == split)] for split in (TRAINING, VALIDATION, TEST)
    }
    assert len(set(kept[TRAINING])) == len(kept[TRAINING])
    assert not set(kept[TRAINING]) & {*kept[VALIDATION], *kept[TEST]}
    assert not set(kept[VALIDATION]) & set(kept[TEST])
    assert ((found.splits == TEST) == (given_splits == TEST)).all()
    assert {digests[i] for i in np.flatnonzero(found.splits >= 0)} == set(digests)


@given(SPLITS)
def test_every_removed_picture_is_counted(rows: list[tuple[int, int, int]]) -> None:
    labels, given_splits, digests = arrays(rows)
    for splits in (given_splits, None):
        found = assign(labels, splits, digests)
        assert sum(each.count for each in found.duplicates if each.removed) == (found.splits == REMOVED).sum()
        assert sum(each.count for each in found.duplicates) == len(found.pairs)
        assert all(digests[one] == digests[other] for one, other in found.pairs)


@given(SPLITS)
def test_without_splits_each_picture_is_kept_once(rows: list[tuple[int, int, int]]) -> None:
    labels, _, digests = arrays(rows)
    found = assign(labels, None, digests)
    assert len(set(digests)) == (found.splits >= 0).sum()


def test_shares_of_each_class() -> None:
    labels = np.repeat([0, 1, 2, 3, 4], [100, 10, 3, 2, 1])
    found = assign(labels, None, [str(each).encode() for each in range(len(labels))])
    counts = [np.bincount(found.splits[labels == label], minlength=3).tolist() for label in range(5)]
    assert counts == [[70, 10, 20], [7, 1, 2], [1, 1, 1], [1, 0, 1], [1, 0, 0]]
    assert found.drawn == ("training", "validation", "test")


def test_the_rule_is_seeded_and_a_class_does_not_depend_on_others() -> None:
    digests = [str(each).encode() for each in range(150)]
    labels = np.repeat([0, 1, 2], 50)
    first, second = assign(labels, None, digests), assign(labels, None, digests)
    assert (first.splits == second.splits).all()
    fewer = assign(labels[:100], None, digests[:100])
    assert (first.splits[:100] == fewer.splits).all()


def test_validation_is_drawn_from_training_where_there_is_none() -> None:
    labels = np.zeros(60, int)
    given_splits = np.repeat([TRAINING, TEST], [50, 10])
    found = assign(labels, given_splits, [str(each).encode() for each in range(60)])
    assert np.bincount(found.splits).tolist() == [45, 5, 10]
    assert found.drawn == ("validation",)


def test_duplicates_are_counted_by_split() -> None:
    rows = [(0, TRAINING, 1), (0, TRAINING, 1), (0, TRAINING, 2), (0, VALIDATION, 3), (0, TEST, 2), (0, TEST, 2)]
    found = assign(*arrays(rows))
    assert set(found.duplicates) == {
        Duplicates(split="test", other="test", count=1, removed=False),
        Duplicates(split="training", other="test", count=1, removed=True),
        Duplicates(split="training", other="training", count=1, removed=True),
    }


@pytest.mark.parametrize("n", [1, 2])
def test_single_pictures_stay_in_training(n: int) -> None:
    found = assign(np.arange(n), None, [str(each).encode() for each in range(n)])
    assert (found.splits == TRAINING).all()
