"""Assignment of labelled pictures to training, validation and test, without exact duplicates in training.

Pictures are duplicates if their digests are equal. Splits that the source lacks are drawn with a fixed seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from roboreg_core.datasets.own_images import SPLITS

# Shares of each class that are drawn for test and validation images, where the source has none; at least one picture.
TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
SEED = 0
TRAINING, VALIDATION, TEST = range(len(SPLITS))
REMOVED = -1


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Number of exact duplicates between two splits, or within one.

    Attributes:
        split: the split that the duplicates are in; `all` without splits in the source.
        other: the split of the pictures that they equal; the same as `split` for duplicates within one.
        count: number of duplicates; of equal pictures within one split, the first does not count.
        removed: True if the duplicates are left out of the data set.
    """

    split: str
    other: str
    count: int
    removed: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Assignment:
    """Splits of pictures.

    Attributes:
        splits: index into `SPLITS` of each picture, or `REMOVED`, int (n,).
        duplicates: numbers of duplicates by pair of splits.
        pairs: indices of (a duplicate, the picture that it equals).
        drawn: names of the splits that were drawn at random, because the source lacks them.
    """

    splits: np.ndarray
    duplicates: tuple[Duplicates, ...]
    pairs: tuple[tuple[int, int], ...]
    drawn: tuple[str, ...]


def assign(labels: np.ndarray, source_splits: np.ndarray | None, digests: Sequence[bytes]) -> Assignment:
    """Assign n pictures to splits, without exact duplicates in training.

    A picture in two splits stays in test rather than validation, and in validation rather than training. Of equal
    pictures within training, or of all if the source has no splits, the first is kept. Splits that the source lacks are
    drawn at random from each class, with a fixed seed.

    Args:
        labels: class of each picture, int (n,).
        source_splits: index into `SPLITS` of each picture, by its folder, int (n,); None if the source has no splits.
        digests: digest of each picture's pixels; equal digests are duplicates.
    """
    if source_splits is None:
        return _drawn(labels, digests)
    splits = source_splits.copy()
    duplicates, pairs = [], []
    seen: dict[bytes, int] = {}
    for split in (TEST, VALIDATION, TRAINING):
        counts: dict[int, int] = {}
        for index in np.flatnonzero(source_splits == split).tolist():
            first = seen.setdefault(digests[index], index)
            if first == index:
                continue
            other = int(source_splits[first])
            counts[other] = counts.get(other, 0) + 1
            pairs.append((index, first))
            if other != split or split == TRAINING:
                splits[index] = REMOVED
        for other, count in counts.items():
            removed = other != split or split == TRAINING
            duplicates.append(Duplicates(split=SPLITS[split], other=SPLITS[other], count=count, removed=removed))
    drawn = []
    if not (source_splits == VALIDATION).any():
        drawn.append(SPLITS[VALIDATION])
        for rows in _of_each_class(labels, splits == TRAINING):
            splits[rows[: _share(len(rows), VALIDATION_SHARE)]] = VALIDATION
    return Assignment(splits=splits, duplicates=tuple(duplicates), pairs=tuple(pairs), drawn=tuple(drawn))


def _drawn(labels: np.ndarray, digests: Sequence[bytes]) -> Assignment:
    splits = np.full(len(labels), TRAINING)
    seen: dict[bytes, int] = {}
    pairs = []
    for index, digest in enumerate(digests):
        first = seen.setdefault(digest, index)
        if first != index:
            pairs.append((index, first))
            splits[index] = REMOVED
    for rows in _of_each_class(labels, splits == TRAINING):
        test = _share(len(rows), TEST_SHARE)
        splits[rows[:test]] = TEST
        splits[rows[test : test + _share(len(rows) - test, VALIDATION_SHARE / (1 - TEST_SHARE))]] = VALIDATION
    found = (Duplicates(split="all", other="all", count=len(pairs), removed=True),) if pairs else ()
    return Assignment(splits=splits, duplicates=found, pairs=tuple(pairs), drawn=SPLITS)


def _of_each_class(labels: np.ndarray, chosen: np.ndarray) -> list[np.ndarray]:
    """Indices of the chosen pictures of each class in random order, the same for a class whatever the others are."""
    return [
        np.random.default_rng((SEED, int(label))).permutation(np.flatnonzero(chosen & (labels == label)))
        for label in np.unique(labels)
    ]


def _share(count: int, share: float) -> int:
    """At least one, and none of a single picture, which stays in training."""
    return max(1, round(count * share)) if count > 1 else 0
