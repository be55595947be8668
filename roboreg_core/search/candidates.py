"""Candidates of a search: schedules with their predicted, measured and posterior accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from roboreg_core.evaluation.pareto_front import pareto_front
from roboreg_core.evaluation.wilson_interval import Z
from roboreg_core.models.costs import cost
from roboreg_core.models.linear_costs import COUNTED, LinearCost
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.search.limits import Limits
from roboreg_core.search.surrogate import Surrogate
from roboreg_core.sweeps.points import ClassCounts


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A schedule with its accuracy on validation images after pruning, before fine-tuning.

    Attributes:
        schedule: filters kept per block.
        dense: correct predictions of the dense network.
        predicted: predicted accuracy, 0..1.
        predicted_recalls: predicted recall per class, 0..1.
        measured: correct predictions; None without a measurement.
        posterior_accuracy: expected accuracy, 0..1, given all measurements of the search; None without a measurement.
        latency: estimated seconds per batch of 256 images; None without timed networks.
        timed: measured seconds per batch of 256 images; None without a measurement.
        front: True for a Pareto-optimal candidate (accuracy against MACs).
    """

    schedule: Schedule
    dense: ClassCounts
    predicted: float | None = None
    predicted_recalls: tuple[float, ...] = ()
    measured: ClassCounts | None = None
    posterior_accuracy: float | None = None
    latency: float | None = None
    timed: float | None = None
    front: bool = False

    @property
    def accuracy(self) -> float:
        """Validation accuracy, 0..1: measured, else predicted."""
        if self.measured is not None:
            return self.measured.accuracy
        return self.predicted if self.predicted is not None else 0.0

    @property
    def ranking_accuracy(self) -> float:
        """Validation accuracy, 0..1, for ranking: posterior, else measured, else predicted."""
        return self.posterior_accuracy if self.posterior_accuracy is not None else self.accuracy

    @property
    def recalls(self) -> tuple[float, ...]:
        """Recall per class, 0..1: measured, else predicted."""
        return self.measured.recalls if self.measured is not None else self.predicted_recalls

    @property
    def drop(self) -> float:
        """Loss of accuracy against the dense network, -1..1."""
        return self.dense.accuracy - self.accuracy

    @property
    def class_drops(self) -> tuple[float, ...]:
        """Loss of recall per class against the dense network, -1..1; empty without recalls."""
        return tuple(before - after for before, after in zip(self.dense.recalls, self.recalls, strict=False))

    @property
    def worst_class(self) -> int:
        """Index in the data set's classes of the class that loses most recall; needs recalls."""
        return int(np.argmax(self.class_drops))

    @property
    def fewest_images(self) -> int:
        """Number of validation images of the smallest class, ignoring classes without images."""
        return min(images for images in self.dense.images if images)

    @property
    def class_margin(self) -> float:
        """Half-width, 0..1, of the 95 % interval of the worst class's loss of recall; conservative, as `margin` is."""
        return _margin(self.dense.recalls[self.worst_class], self.recalls[self.worst_class], self.fewest_images)

    @property
    def margin(self) -> float:
        """Half-width, 0..1, of the 95 % interval of `drop`; conservative, since it assumes independent samples."""
        return _margin(self.dense.accuracy, self.accuracy, self.dense.total)

    def excess(self, limits: Limits) -> float:
        """Sum of the amounts, 0..1, by which losses exceed their limits; 0 if all limits on losses are met."""
        over = 0.0
        if limits.drop is not None:
            # Both the measured and the posterior accuracy must meet the limit.
            lost = max(self.drop, self.dense.accuracy - self.ranking_accuracy)
            over += max(0.0, lost - limits.drop)
        if limits.class_drop is not None:
            over += max(0.0, max(self.class_drops, default=1.0) - limits.class_drop)
        # Smaller than one image: rounding only.
        return over if over > 1e-9 else 0.0

    def to_json(self) -> dict[str, Any]:
        """JSON object with the attributes and the figures that follow from them.

        `posterior_accuracy` has the key `believed`. Further keys: `label`, the costs by name, `accuracy`, `drop`,
        `margin`, `class_drops`, `class_margin`; `architecture` is left out if it is the default.
        """
        counted = cost(self.schedule)
        return {
            **self.schedule.stored(),
            "label": self.schedule.label,
            **{kind: getattr(counted, kind) for kind in COUNTED},
            "predicted": self.predicted,
            "predicted_recalls": list(self.predicted_recalls),
            "measured": self.measured.to_json() if self.measured is not None else None,
            "believed": self.posterior_accuracy,
            "accuracy": self.accuracy,
            "drop": self.drop,
            "margin": self.margin,
            "class_drops": list(self.class_drops),
            "class_margin": self.class_margin if self.class_drops else None,
            "dense": self.dense.to_json(),
            "latency": self.latency,
            "timed": self.timed,
            "front": self.front,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Candidate:
        """Inverse of `to_json`."""
        measured = value["measured"]
        return cls(
            schedule=Schedule.from_stored(value),
            dense=ClassCounts.from_json(value["dense"]),
            predicted=value["predicted"],
            predicted_recalls=tuple(value["predicted_recalls"]),
            measured=ClassCounts.from_json(measured) if measured is not None else None,
            posterior_accuracy=value["believed"],
            latency=value["latency"],
            timed=value["timed"],
            front=value["front"],
        )


def candidates(counts: np.ndarray, surrogate: Surrogate, latency: LinearCost | None = None) -> tuple[Candidate, ...]:
    """Candidates with predicted accuracy, recalls and latency for the schedules in `counts`, int (n, n_blocks)."""
    accuracy, recalls = surrogate.accuracy(counts), surrogate.recalls(counts)
    return tuple(
        Candidate(
            schedule=Schedule(tuple(int(count) for count in row), surrogate.architecture),
            dense=surrogate.dense,
            predicted=float(accuracy[i]),
            predicted_recalls=tuple(float(each) for each in recalls[i]),
            latency=float(latency(row[None])[0]) if latency is not None else None,
        )
        for i, row in enumerate(counts)
    )


def front(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The candidates in `found`, with `front` set for the Pareto-optimal ones (accuracy against MACs)."""
    macs = [cost(each.schedule).macs for each in found]
    marks = pareto_front(macs, [each.ranking_accuracy for each in found]) if found else np.empty(0, dtype=bool)
    return tuple(replace(each, front=bool(mark)) for each, mark in zip(found, marks, strict=True))


def _margin(before: float, after: float, images: int) -> float:
    return float(Z * np.sqrt((before * (1 - before) + after * (1 - after)) / images))
