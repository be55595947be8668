"""Recovery by fine-tuning: the share of the pruning loss that remains, fitted to few fine-tuned runs.

Losses are in logits against the dense network. With few runs the model has one parameter and a classical interval
(weighted least squares, Student's t).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from roboreg_core.sweeps.points import ClassCounts

# Fewer runs give a useless interval: t with three degrees of freedom is 2.4.
MIN_RUNS = 4
LEVEL = 0.9
# Two-sided `LEVEL` quantile of the normal distribution.
NORMAL = 1.645
# Losses in logits below this are noise of 2,000 images; above it errors grow with the loss.
SMALL_LOSS = 0.1
_EDGE = 0.002


@dataclass(frozen=True, kw_only=True)
class FineTuningRecovery:
    """Accuracy after fine-tuning as a function of accuracy before. Made by `fit_recovery`.

    Attributes:
        runs: number of fine-tuned runs.
        remaining: share of the loss, in logits, that remains after fine-tuning.
        deviation: standard deviation of a run's loss around the fit, relative to the scale of the loss.
        information: sum of squared scaled losses; the variance of `remaining` is inversely proportional to it.
        dense: correct predictions of the dense network on validation images.
        lowest: lowest predicted accuracy before fine-tuning among the runs; predictions below extrapolate.
    """

    runs: int
    remaining: float
    deviation: float
    information: float
    dense: ClassCounts
    lowest: float

    def predict(self, pruned: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Predict accuracy after fine-tuning from the accuracy `pruned` before it, (n,), 0..1.

        Returns the mean and the low and high end of the 90 % prediction interval, (n,) each.
        """
        from scipy.stats import t

        lost = _loss(pruned, self.dense.accuracy)
        scale, left = _scale(lost), self.remaining * lost
        share = _accuracy(left, self.dense.accuracy)
        # Variance of a measured share in logits.
        noise = NORMAL**2 / (self.dense.total * share * (1 - share))
        spread = (scale * self.deviation) ** 2 * (1 + (lost / scale) ** 2 / self.information)
        half = np.sqrt(noise + t.ppf((1 + LEVEL) / 2, self.runs - 1) ** 2 * spread)
        low, mean, high = (_accuracy(each, self.dense.accuracy) for each in (left + half, left, left - half))
        return mean, low, high


def fit_recovery(pruned: np.ndarray, tuned: np.ndarray, dense: ClassCounts) -> FineTuningRecovery | None:
    """Fit recovery to runs of one fine-tuning recipe; None if fewer than `MIN_RUNS`, or if none lost accuracy.

    Args:
        pruned: predicted validation accuracy before fine-tuning (n,), 0..1.
        tuned: measured validation accuracy after fine-tuning (n,), 0..1.
        dense: correct predictions of the dense network on validation images.
    """
    lost, left = _loss(pruned, dense.accuracy), _loss(tuned, dense.accuracy)
    scaled = lost / _scale(lost)
    information = float((scaled**2).sum())
    if len(pruned) < MIN_RUNS or information == 0:
        return None
    remaining = float((scaled * left / _scale(lost)).sum() / information)
    errors = (left - remaining * lost) / _scale(lost)
    return FineTuningRecovery(
        runs=len(pruned),
        remaining=remaining,
        deviation=float(np.sqrt((errors**2).sum() / (len(pruned) - 1))),
        information=information,
        dense=dense,
        lowest=float(pruned.min()),
    )


def _scale(lost: np.ndarray) -> np.ndarray:
    """Losses to which errors are proportional."""
    return np.maximum(lost, 0.0) + SMALL_LOSS


def _loss(accuracy: Any, dense: float) -> np.ndarray:
    return np.asarray(_logit(dense) - _logit(accuracy))


def _accuracy(loss: np.ndarray, dense: float) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(loss - _logit(dense))))


def _logit(share: Any) -> Any:
    share = np.clip(share, _EDGE, 1 - _EDGE)
    return np.log(share / (1 - share))
