"""Exact McNemar test of two networks on the same images: overall, per class and per cell of the confusion matrix.

Only discordant images count, those that one of the two networks classifies correctly. If both are equally accurate,
each is a fair coin, so the two-sided p-value is twice the smaller tail of a binomial distribution, at most 1.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import bdtr

from roboreg_core.errors import DataError
from roboreg_core.evaluation.wilson_interval import Z

# Significance level, for p-values corrected over all changes in a table.
ALPHA = 0.05


def mcnemar(lost: Any, gained: Any) -> np.ndarray:
    """Exact two-sided p-values of McNemar's test, in the shape of the arguments; 1 where both counts are 0.

    Args:
        lost: array of the numbers of images that only the baseline classifies correctly.
        gained: array of the numbers of images that only the other network classifies correctly.
    """
    lost, gained = np.asarray(lost, dtype=np.int64), np.asarray(gained, dtype=np.int64)
    return np.asarray(np.minimum(1.0, 2 * bdtr(np.minimum(lost, gained), lost + gained, 0.5)))


def holm(p: Any) -> np.ndarray:
    """P-values (m,) adjusted for multiple tests by Holm's method (Holm 1979), in the order of `p`."""
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


@dataclass(frozen=True, kw_only=True)
class PairedCounts:
    """Contingency table of a baseline and another network.

    Attributes:
        kept: images correct in both.
        lost: correct in the baseline only.
        gained: correct in the other only.
        wrong: wrong in both.
    """

    kept: int
    lost: int
    gained: int
    wrong: int

    @property
    def images(self) -> int:
        """Number of images."""
        return self.kept + self.lost + self.gained + self.wrong

    @property
    def difference(self) -> float:
        """Accuracy of the other network minus that of the baseline, -1..1; 0 without images."""
        return (self.gained - self.lost) / self.images if self.images else 0.0

    @property
    def margin(self) -> float:
        """Half-width of the 95 % interval of `difference`, by the variance of paired differences; 0 without images."""
        if not self.images:
            return 0.0
        discordant, net = self.gained + self.lost, self.gained - self.lost
        return Z * math.sqrt(max(discordant - net**2 / self.images, 0.0)) / self.images


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Significance of a change.

    Attributes:
        difference: change of accuracy or recall, -1..1.
        margin: half-width of its 95 % interval, uncorrected.
        p: McNemar's p-value, Holm-corrected if it is one of several.
    """

    difference: float
    margin: float
    p: float

    @property
    def is_significant(self) -> bool:
        """True if the change is significant at level `ALPHA`."""
        return self.p < ALPHA

    @property
    def kind(self) -> str:
        """Kind of the change: `gain`, `loss`, `within noise` (not significant) or `no change`."""
        if not self.is_significant:
            return "within noise" if self.difference else "no change"
        return "gain" if self.difference > 0 else "loss"

    @property
    def words(self) -> str:
        """The change as text: `lost 0.4 pp, significant (p = 0.003)` or `not significant (gained 0.1 pp, p = 0.62)`."""
        if not self.difference:
            return "no change"
        points = f"{abs(self.difference) * 100:.1f}"
        text = f"{'gained' if self.difference > 0 else 'lost'} {'less than 0.1' if points == '0.0' else points} pp"
        return (
            f"{text}, significant ({p_words(self.p)})"
            if self.is_significant
            else f"not significant ({text}, {p_words(self.p)})"
        )

    def to_json(self) -> dict[str, Any]:
        """JSON object: all attributes, `kind`, `words`, and `is_significant` as `is_real`."""
        return {**asdict(self), "is_real": self.is_significant, "kind": self.kind, "words": self.words}


@dataclass(frozen=True, kw_only=True)
class ClassChange:
    """Change of one class: its images by correctness in both networks (`flips`), the p-value and the verdict.

    `p` is uncorrected; the verdict's is Holm-corrected over the classes.
    """

    flips: PairedCounts
    p: float
    verdict: Verdict


@dataclass(frozen=True, kw_only=True, eq=False)
class ConfusionChange:
    """Difference of two confusion matrices, arrays (classes, classes) with rows true and columns predicted.

    Attributes:
        before, after, difference: counts, and after minus before.
        p: McNemar's p-values of images that leave or enter a cell, Holm-corrected over the diagonal (the classes'
            recalls) and over all other cells (kinds of error) separately.
        is_significant: True for significant cells, p below `ALPHA`.
    """

    before: np.ndarray
    after: np.ndarray
    difference: np.ndarray
    p: np.ndarray
    is_significant: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """All attributes as nested lists in a JSON object; `is_significant` has the key `is_real`."""
        return {
            "before": self.before.tolist(),
            "after": self.after.tolist(),
            "difference": self.difference.tolist(),
            "p": self.p.tolist(),
            "is_real": self.is_significant.tolist(),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Paired:
    """Comparison of a network with a baseline on the same images.

    Attributes:
        flips: numbers of images that both, one or neither of them classify correctly.
        verdict: test of the change of accuracy.
        per_class: change of each class's recall, in the order of the classes.
        confusion: change of the confusion matrix.
    """

    flips: PairedCounts
    verdict: Verdict
    per_class: tuple[ClassChange, ...]
    confusion: ConfusionChange

    def to_json(self) -> dict[str, Any]:
        """JSON object: `flips`, `verdict`, `confusion`, and per class, as `per_class`, `flips`, `p` and `verdict`."""
        return {
            "flips": asdict(self.flips),
            "verdict": self.verdict.to_json(),
            "per_class": [
                {"flips": asdict(each.flips), "p": each.p, "verdict": each.verdict.to_json()} for each in self.per_class
            ],
            "confusion": self.confusion.to_json(),
        }


def compare(labels: np.ndarray, before: np.ndarray, after: np.ndarray, n_classes: int) -> Paired:
    """Compare the predicted classes of two networks.

    Args:
        labels: true classes, int (n,).
        before: classes predicted by the baseline, int (n,).
        after: classes predicted by the other network, int (n,).
        n_classes: number of classes of the data set.

    Raises `DataError`: lengths differ or are zero.
    """
    if not len(labels) == len(before) == len(after) or not len(labels):
        raise DataError(
            f"two networks are compared on the same images, got {len(labels)} labels, {len(before)} and {len(after)} "
            "predictions; choose runs with the same test images"
        )
    was, now = before == labels, after == labels
    masks = (was & now, was & ~now, ~was & now, ~was & ~now)
    # Rows kept, lost, gained, wrong; one column per class.
    counts = np.stack([np.bincount(labels[mask], minlength=n_classes) for mask in masks])
    overall = _paired_counts(counts.sum(1))
    p = mcnemar(counts[1], counts[2])
    per_class = tuple(
        ClassChange(flips=flips, p=float(uncorrected), verdict=_verdict(flips, corrected))
        for flips, uncorrected, corrected in zip(map(_paired_counts, counts.T), p, holm(p), strict=True)
    )
    return Paired(
        flips=overall,
        verdict=_verdict(overall, mcnemar(overall.lost, overall.gained)),
        per_class=per_class,
        confusion=confusion_change(labels, before, after, n_classes),
    )


def confusion_change(labels: np.ndarray, before: np.ndarray, after: np.ndarray, n_classes: int) -> ConfusionChange:
    """Confusion matrix of `after` minus that of `before`, with a test of each cell; arguments as for `compare`."""
    moved = before != after
    left, entered = (_cells(labels[moved], each[moved], n_classes) for each in (before, after))
    uncorrected = mcnemar(left, entered)
    diagonal = np.eye(n_classes, dtype=bool)
    p = np.empty_like(uncorrected)
    p[diagonal], p[~diagonal] = holm(uncorrected[diagonal]), holm(uncorrected[~diagonal])
    counts_before, counts_after = (_cells(labels, each, n_classes) for each in (before, after))
    return ConfusionChange(
        before=counts_before, after=counts_after, difference=counts_after - counts_before, p=p, is_significant=p < ALPHA
    )


def p_words(p: float) -> str:
    """A p-value as text: `p = 0.003`, `p = 0.62`, `p < 0.001`."""
    if p < 0.001:
        return "p < 0.001"
    if p < 0.1:
        return f"p = {p:.3f}"
    return f"p = {p:.2f}" if p < 0.995 else "p = 1"


def _paired_counts(counts: np.ndarray) -> PairedCounts:
    kept, lost, gained, wrong = (int(each) for each in counts)
    return PairedCounts(kept=kept, lost=lost, gained=gained, wrong=wrong)


def _verdict(flips: PairedCounts, p: Any) -> Verdict:
    return Verdict(difference=flips.difference, margin=flips.margin, p=float(p))


def _cells(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    return np.bincount(labels * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)
