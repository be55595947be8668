"""Two networks on the same images: which images flipped between right and wrong, and whether that is more than chance.

The test is McNemar's, exact: where both networks are equally good, each image that only one of them has right is a fair
coin. The two-sided p is twice the smaller tail of a binomial with one half, at most 1. No approximation is used, so it
holds for three flips as for three thousand. Images that both have right or both have wrong tell nothing.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import bdtr

from roboreg_core.errors import DataError
from roboreg_core.evaluation.wilson_interval import Z

# A change with a smaller p, corrected where several are looked at, is called real.
ALPHA = 0.05
CLASSES = 10


def mcnemar(lost: Any, gained: Any) -> np.ndarray:
    """Exact two-sided p of `lost` against `gained` flips, element by element; 1 where there are none."""
    lost, gained = np.asarray(lost, dtype=np.int64), np.asarray(gained, dtype=np.int64)
    return np.asarray(np.minimum(1.0, 2 * bdtr(np.minimum(lost, gained), lost + gained, 0.5)))


def holm(p: Any) -> np.ndarray:
    """P-values (m,) corrected for being m (Holm 1979): at 0.05, one such family in twenty raises a false alarm."""
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


@dataclass(frozen=True, kw_only=True)
class Flips:
    """What became of images between a baseline and another network.

    Attributes:
        kept: right in both.
        lost: right in the baseline only.
        gained: right in the other only.
        wrong: wrong in both.
    """

    kept: int
    lost: int
    gained: int
    wrong: int

    @property
    def images(self) -> int:
        """How many there are."""
        return self.kept + self.lost + self.gained + self.wrong

    @property
    def difference(self) -> float:
        """The other's accuracy minus the baseline's, -1..1; 0 for no images."""
        return (self.gained - self.lost) / self.images if self.images else 0.0

    @property
    def margin(self) -> float:
        """Half the width of the difference's 95 % interval, from the variance of paired differences."""
        if not self.images:
            return 0.0
        changed, net = self.gained + self.lost, self.gained - self.lost
        return Z * math.sqrt(max(changed - net**2 / self.images, 0.0)) / self.images


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a change is real.

    Attributes:
        difference: of accuracy or recall, -1..1.
        margin: half the width of its 95 % interval, of this one change alone.
        p: McNemar's, corrected where several changes are looked at.
    """

    difference: float
    margin: float
    p: float

    @property
    def is_real(self) -> bool:
        """True where p is below `ALPHA`."""
        return self.p < ALPHA

    @property
    def kind(self) -> str:
        """`gain`, `loss`, `within noise` or `no change`."""
        if not self.is_real:
            return "within noise" if self.difference else "no change"
        return "gain" if self.difference > 0 else "loss"

    @property
    def words(self) -> str:
        """`lost 0.4 points, real (p = 0.003)` or `within noise (gained 0.1 points, p = 0.62)`."""
        if not self.difference:
            return "no change"
        points = f"{abs(self.difference) * 100:.1f}"
        points = "less than 0.1" if points == "0.0" else points
        text = f"{'gained' if self.difference > 0 else 'lost'} {points} point{'' if points == '1.0' else 's'}"
        return f"{text}, real ({p_words(self.p)})" if self.is_real else f"within noise ({text}, {p_words(self.p)})"

    def to_json(self) -> dict[str, Any]:
        """All of it as a JSON object."""
        return {**asdict(self), "is_real": self.is_real, "kind": self.kind, "words": self.words}


@dataclass(frozen=True, kw_only=True)
class ClassFlips:
    """One class: its flips, McNemar's `p` by itself, and the verdict with p corrected over all classes."""

    flips: Flips
    p: float
    verdict: Verdict


@dataclass(frozen=True, kw_only=True, eq=False)
class ConfusionChange:
    """How a confusion matrix differs from the baseline's; all arrays (10, 10), rows true, columns predicted.

    Attributes:
        before, after, difference: counts, and after minus before.
        p: corrected. An image counts as entering a cell or leaving it, which McNemar's test compares. The ten cells of
            the diagonal are the classes' recalls and are corrected among themselves, as those are; so are the 90
            kinds of mistake.
        is_real: p below `ALPHA`; every other cell is within noise.
    """

    before: np.ndarray
    after: np.ndarray
    difference: np.ndarray
    p: np.ndarray
    is_real: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """The arrays as nested lists."""
        return {name: value.tolist() for name, value in vars(self).items()}


@dataclass(frozen=True, kw_only=True, eq=False)
class Paired:
    """A network against a baseline on the same images, overall, by class and by cell of the confusion matrix."""

    flips: Flips
    verdict: Verdict
    per_class: tuple[ClassFlips, ...]
    confusion: ConfusionChange

    def to_json(self) -> dict[str, Any]:
        """All of it as a JSON object."""
        return {
            "flips": asdict(self.flips),
            "verdict": self.verdict.to_json(),
            "per_class": [
                {"flips": asdict(each.flips), "p": each.p, "verdict": each.verdict.to_json()} for each in self.per_class
            ],
            "confusion": self.confusion.to_json(),
        }


def compare(labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> Paired:
    """Compare the classes (n,) that two networks predicted for the images with these labels (n,).

    Raises `DataError` where the three do not have one entry an image, or there is no image.
    """
    if not len(labels) == len(before) == len(after) or not len(labels):
        raise DataError(
            f"two networks are compared on the same images, got {len(labels)} labels, {len(before)} and {len(after)} "
            "predictions; choose runs with the same test images"
        )
    was, now = before == labels, after == labels
    # Rows kept, lost, gained, wrong; a column a class.
    counts = np.stack([_by_class(labels[mask]) for mask in (was & now, was & ~now, ~was & now, ~was & ~now)])
    overall = _flips(counts.sum(1))
    p = mcnemar(counts[1], counts[2])
    per_class = tuple(
        ClassFlips(flips=flips, p=float(alone), verdict=_verdict(flips, corrected))
        for flips, alone, corrected in zip(map(_flips, counts.T), p, holm(p), strict=True)
    )
    return Paired(
        flips=overall,
        verdict=_verdict(overall, mcnemar(overall.lost, overall.gained)),
        per_class=per_class,
        confusion=confusion_change(labels, before, after),
    )


def confusion_change(labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> ConfusionChange:
    """The difference of two confusion matrices, each cell tested; see `ConfusionChange`."""
    moved = before != after
    left, entered = (_cells(labels[moved], each[moved]) for each in (before, after))
    alone = mcnemar(left, entered)
    diagonal = np.eye(CLASSES, dtype=bool)
    p = np.empty_like(alone)
    p[diagonal], p[~diagonal] = holm(alone[diagonal]), holm(alone[~diagonal])
    counts_before, counts_after = _cells(labels, before), _cells(labels, after)
    return ConfusionChange(
        before=counts_before, after=counts_after, difference=counts_after - counts_before, p=p, is_real=p < ALPHA
    )


def p_words(p: float) -> str:
    """`p = 0.003`, `p = 0.62`, `p < 0.001`."""
    if p < 0.001:
        return "p < 0.001"
    if p < 0.1:
        return f"p = {p:.3f}"
    return f"p = {p:.2f}" if p < 0.995 else "p = 1"


def _flips(counts: np.ndarray) -> Flips:
    kept, lost, gained, wrong = (int(each) for each in counts)
    return Flips(kept=kept, lost=lost, gained=gained, wrong=wrong)


def _verdict(flips: Flips, p: Any) -> Verdict:
    return Verdict(difference=flips.difference, margin=flips.margin, p=float(p))


def _by_class(labels: np.ndarray) -> np.ndarray:
    return np.bincount(labels, minlength=CLASSES)


def _cells(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return np.bincount(labels * CLASSES + predicted, minlength=CLASSES**2).reshape(CLASSES, CLASSES)
