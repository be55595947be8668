"""McNemar's test against scipy, by hand and by its properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from roboreg_core.errors import DataError
from roboreg_core.evaluation.paired_tests import Verdict, compare, holm, mcnemar, p_words


def predictions(n: int, seed: int, right: float = 0.7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 10, n)
    before, after = (np.where(generator.random(n) < right, labels, generator.integers(0, 10, n)) for _ in range(2))
    return labels, before, after


sizes = st.integers(1, 400)
seeds = st.integers(0, 10_000)


@given(st.integers(0, 3_000), st.integers(0, 3_000))
def test_p_is_scipys_exact_one(lost: int, gained: int) -> None:
    expected = binomtest(lost, lost + gained, 0.5).pvalue if lost + gained else 1.0
    assert float(mcnemar(lost, gained)) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_p_by_hand() -> None:
    # 2 (C(10,0) + C(10,1) + C(10,2)) / 2^10, and statsmodels' documented example: 59 against 6 of 65.
    assert float(mcnemar(2, 8)) == pytest.approx(112 / 1024)
    tail = sum(math.comb(65, k) for k in range(7))
    assert float(mcnemar(59, 6)) == pytest.approx(2 * tail / 2**65)
    assert mcnemar([0, 5, 1], [0, 0, 1]).tolist() == pytest.approx([1.0, 2 / 32, 1.0])


def test_holm_by_hand() -> None:
    # Holm's procedure: sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_the_order_and_never_lowers(p: list[float]) -> None:
    adjusted = holm(p)
    assert (adjusted >= np.array(p) - 1e-15).all()
    assert adjusted.max() <= 1
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()
    assert adjusted.min() == pytest.approx(min(1.0, len(p) * min(p)))


@given(sizes, seeds)
def test_paired_counts_partition_the_images_and_give_the_difference(n: int, seed: int) -> None:
    labels, before, after = predictions(n, seed)
    found = compare(labels, before, after, 10)
    assert found.flips.images == n
    assert found.verdict.difference == pytest.approx((after == labels).mean() - (before == labels).mean())
    assert [each.flips.images for each in found.per_class] == np.bincount(labels, minlength=10).tolist()
    assert sum(each.flips.lost for each in found.per_class) == found.flips.lost
    assert all(each.verdict.p >= each.p for each in found.per_class)


@given(sizes, seeds)
def test_swapping_the_networks_only_changes_signs(n: int, seed: int) -> None:
    labels, before, after = predictions(n, seed)
    there, back = compare(labels, before, after, 10), compare(labels, after, before, 10)
    assert there.verdict.difference == -back.verdict.difference
    assert there.verdict.p == back.verdict.p
    assert there.verdict.margin == back.verdict.margin
    assert (there.flips.lost, there.flips.gained) == (back.flips.gained, back.flips.lost)
    assert [each.verdict.difference for each in there.per_class] == [
        -each.verdict.difference for each in back.per_class
    ]
    assert (there.confusion.difference == -back.confusion.difference).all()
    assert (there.confusion.p == back.confusion.p).all()


@given(sizes, seeds)
def test_a_network_does_not_differ_from_itself(n: int, seed: int) -> None:
    labels, before, _ = predictions(n, seed)
    found = compare(labels, before, before, 10)
    assert (found.verdict.difference, found.verdict.p, found.verdict.kind) == (0.0, 1.0, "no change")
    assert all(each.verdict.p == 1 for each in found.per_class)
    assert (found.confusion.p == 1).all()
    assert not found.confusion.difference.any()
    assert not found.confusion.is_significant.any()


@given(sizes, seeds)
def test_confusion_difference_keeps_each_class_and_its_diagonal_is_the_class(n: int, seed: int) -> None:
    labels, before, after = predictions(n, seed)
    found = compare(labels, before, after, 10)
    assert not found.confusion.difference.sum(1).any()
    assert found.confusion.before.sum() == found.confusion.after.sum() == n
    classes = [each.flips.gained - each.flips.lost for each in found.per_class]
    assert found.confusion.difference.diagonal().tolist() == classes
    assert found.confusion.p.diagonal().tolist() == [each.verdict.p for each in found.per_class]


def test_a_cell_is_significant_only_by_images_that_move() -> None:
    labels = np.repeat(np.arange(10), 100)
    before = labels.copy()
    after = labels.copy()
    after[:20] = 3  # twenty airplanes become cats
    after[100:102] = 4  # two automobiles become deer
    found = compare(labels, before, after, 10)
    real = list(zip(*(axis.tolist() for axis in np.nonzero(found.confusion.is_significant)), strict=True))
    assert real == [(0, 0), (0, 3)]
    assert found.confusion.p[0, 3] == pytest.approx(90 * 2 / 2**20)
    assert found.per_class[0].verdict.words == "lost 20.0 pp, significant (p < 0.001)"
    assert found.per_class[1].verdict.words == "not significant (lost 2.0 pp, p = 1)"


@pytest.mark.parametrize(
    ("difference", "p", "words"),
    [
        (-0.004, 0.0031, "lost 0.4 pp, significant (p = 0.003)"),
        (0.01, 0.0001, "gained 1.0 pp, significant (p < 0.001)"),
        (0.001, 0.62, "not significant (gained 0.1 pp, p = 0.62)"),
        (-0.0003, 0.85, "not significant (lost less than 0.1 pp, p = 0.85)"),
        (0.0, 1.0, "no change"),
    ],
)
def test_verdicts_in_words(difference: float, p: float, words: str) -> None:
    verdict = Verdict(difference=difference, margin=0.003, p=p)
    assert verdict.words == words
    assert verdict.to_json()["words"] == words


def test_the_margin_is_that_of_paired_differences() -> None:
    labels, before, after = predictions(2_000, 1)
    steps = (after == labels).astype(float) - (before == labels)
    assert compare(labels, before, after, 10).verdict.margin == pytest.approx(1.959964 * steps.std() / math.sqrt(2_000))


def test_p_in_words() -> None:
    assert [p_words(each) for each in (0.9999, 0.62, 0.0421, 1e-9)] == ["p = 1", "p = 0.62", "p = 0.042", "p < 0.001"]


def test_different_images_are_refused() -> None:
    labels, before, after = predictions(20, 0)
    with pytest.raises(DataError, match="same test images"):
        compare(labels, before[:10], after, 10)
    with pytest.raises(DataError, match="same test images"):
        compare(labels[:0], before[:0], after[:0], 10)
