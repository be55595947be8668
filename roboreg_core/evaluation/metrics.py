"""Accuracy metrics from logits, computed by scikit-learn."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from torch import Tensor

from roboreg_core.errors import DataError


@dataclass(frozen=True, kw_only=True)
class ClassMetrics:
    """Precision, recall and F1 (0..1) of a class, or their average over classes; `support` is the number of images."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """Metrics of a network on a set of images.

    Attributes:
        accuracy: share of correct predictions, 0..1.
        loss: mean cross-entropy in nats.
        images: number of images.
        confusion: counts by true class (rows) and predicted class (columns).
        per_class: metrics of each class, in the order of the data set's classes.
        macro, weighted: averages over classes, unweighted and weighted by support.
    """

    accuracy: float
    loss: float
    images: int
    confusion: tuple[tuple[int, ...], ...]
    per_class: tuple[ClassMetrics, ...]
    macro: ClassMetrics
    weighted: ClassMetrics

    def to_json(self) -> dict[str, Any]:
        """All attributes as a JSON object; the `ClassMetrics` are objects too."""
        return {
            **asdict(self),
            "confusion": [list(row) for row in self.confusion],
            "per_class": [asdict(row) for row in self.per_class],
        }


def report(logits: Tensor, labels: Tensor, names: Sequence[str]) -> Report:
    """Compute all metrics from logits (n, classes), labels (n,) and the classes' names.

    Raises `DataError`: lengths differ or are zero, or a logit is not finite.
    """
    if len(logits) != len(labels) or len(labels) == 0:
        raise DataError(f"a report needs one label per row of logits, got {len(labels)} and {len(logits)}")
    infinite = int((~torch.isfinite(torch.as_tensor(logits)).all(1)).sum())
    if infinite:
        raise DataError(
            f"a network's outputs must be finite, but its outputs are not finite on {infinite:,} of {len(labels):,} "
            "images: use other weights, or a lower learning rate"
        )
    true, predicted = labels.cpu().numpy(), logits.argmax(1).cpu().numpy()
    classes = range(len(names))
    precision, recall, f1, support = precision_recall_fscore_support(true, predicted, labels=classes, zero_division=0)
    per_class = tuple(
        ClassMetrics(name=name, precision=float(p), recall=float(r), f1=float(f), support=int(s))
        for name, p, r, f, s in zip(names, precision, recall, f1, support, strict=True)
    )
    matrix = confusion_matrix(true, predicted, labels=classes)
    return Report(
        accuracy=float(np.mean(true == predicted)),
        loss=F.cross_entropy(torch.as_tensor(logits), torch.as_tensor(labels)).item(),
        images=len(true),
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
        per_class=per_class,
        macro=_average(true, predicted, classes, "macro"),
        weighted=_average(true, predicted, classes, "weighted"),
    )


def _average(true: np.ndarray, predicted: np.ndarray, classes: range, how: str) -> ClassMetrics:
    precision, recall, f1, _ = precision_recall_fscore_support(
        true, predicted, labels=classes, average=how, zero_division=0
    )
    return ClassMetrics(
        name=f"{how} average", precision=float(precision), recall=float(recall), f1=float(f1), support=len(true)
    )
