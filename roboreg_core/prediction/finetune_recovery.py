"""What fine-tuning wins back: the share of the loss that stays, learnt from the few runs that were fine-tuned.

Loss is counted in logits against the dense network. Runs are few, so the rule is one number with a classical interval
(weighted least squares, Student's t) and nothing that would need more of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from roboreg_core.sweeps.points import ClassCounts

# With fewer the interval would say nothing: t with three degrees of freedom is 2.4.
MIN_RUNS = 4
LEVEL = 0.9
# Two-sided `LEVEL` of a normal distribution.
NORMAL = 1.645
# Losses in logits below this are noise of 2,000 images; above it errors grow with the loss.
SMALL_LOSS = 0.1
_EDGE = 0.002


@dataclass(frozen=True, kw_only=True)
class FineTuningRecovery:
    """How accuracy after fine-tuning follows from that before. Made by `fit_tuned`.

    Attributes:
        runs: how many it was learnt from.
        stays: the share of the loss in logits that fine-tuning leaves.
        deviation: of a run's loss from that, for a loss of 1 and more.
        information: how much the runs say about `stays`; the more, the less its own error widens the interval.
        dense: what the dense network saw.
        lowest: the lowest predicted accuracy before fine-tuning among the runs; below it this extrapolates.
    """

    runs: int
    stays: float
    deviation: float
    information: float
    dense: ClassCounts
    lowest: float

    def predict(self, pruned: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Accuracy (n,) after fine-tuning from that before, and the ends of the interval that holds `LEVEL`."""
        from scipy.stats import t

        lost = _loss(pruned, self.dense.accuracy)
        scale, left = _scale(lost), self.stays * lost
        share = _accuracy(left, self.dense.accuracy)
        # Of a share of so many images, in logits.
        noise = NORMAL**2 / (self.dense.total * share * (1 - share))
        spread = (scale * self.deviation) ** 2 * (1 + (lost / scale) ** 2 / self.information)
        half = np.sqrt(noise + t.ppf((1 + LEVEL) / 2, self.runs - 1) ** 2 * spread)
        low, mean, high = (_accuracy(each, self.dense.accuracy) for each in (left + half, left, left - half))
        return mean, low, high


def fit_tuned(pruned: np.ndarray, tuned: np.ndarray, dense: ClassCounts) -> FineTuningRecovery | None:
    """Learn from runs fine-tuned alike; None for fewer than `MIN_RUNS`, or where none of them lost anything.

    Args:
        pruned: validation accuracy (n,) before, as predicted.
        tuned: after, as measured (n,).
        dense: what the dense network saw.
    """
    lost, left = _loss(pruned, dense.accuracy), _loss(tuned, dense.accuracy)
    scaled = lost / _scale(lost)
    information = float((scaled**2).sum())
    if len(pruned) < MIN_RUNS or information == 0:
        return None
    stays = float((scaled * left / _scale(lost)).sum() / information)
    errors = (left - stays * lost) / _scale(lost)
    deviation = float(np.sqrt((errors**2).sum() / (len(pruned) - 1)))
    return FineTuningRecovery(
        runs=len(pruned),
        stays=stays,
        deviation=deviation,
        information=information,
        dense=dense,
        lowest=float(pruned.min()),
    )


def _scale(lost: np.ndarray) -> np.ndarray:
    """What errors are in proportion to."""
    return np.maximum(lost, 0.0) + SMALL_LOSS


def _loss(accuracy: Any, dense: float) -> np.ndarray:
    return np.asarray(_logit(dense) - _logit(accuracy))


def _accuracy(loss: np.ndarray, dense: float) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(loss - _logit(dense))))


def _logit(share: Any) -> Any:
    """Of a share; of few images all or none may be right, which would be infinite."""
    inside = np.clip(share, _EDGE, 1 - _EDGE)
    return np.log(inside / (1 - inside))
