"""Schedules that a search looks at, with what is predicted, measured and believed of each."""

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
    """A schedule with what is known of it; right after pruning, on validation images.

    Attributes:
        predicted: accuracy, 0..1; None where nothing predicts.
        predicted_recalls: of each class, 0..1.
        measured: what was seen; None where it was not measured.
        believed: accuracy by all that was measured in a search, see `mend.believed`; None where it was not measured.
        dense: what the dense network saw.
        latency: seconds for a batch of 256 images, estimated; None where nothing was timed.
        timed: the same as measured; None where it was not.
        front: whether no other candidate is as accurate for as few MACs.
    """

    schedule: Schedule
    dense: ClassCounts
    predicted: float | None = None
    predicted_recalls: tuple[float, ...] = ()
    measured: ClassCounts | None = None
    believed: float | None = None
    latency: float | None = None
    timed: float | None = None
    front: bool = False

    @property
    def accuracy(self) -> float:
        """As measured, else as predicted."""
        if self.measured is not None:
            return self.measured.accuracy
        return self.predicted if self.predicted is not None else 0.0

    @property
    def standing(self) -> float:
        """The accuracy that it is ranked by: as believed, else as measured, else as predicted."""
        return self.believed if self.believed is not None else self.accuracy

    @property
    def recalls(self) -> tuple[float, ...]:
        """As measured, else as predicted."""
        return self.measured.recalls if self.measured is not None else self.predicted_recalls

    @property
    def drop(self) -> float:
        """Accuracy lost against the dense network."""
        return self.dense.accuracy - self.accuracy

    @property
    def class_drops(self) -> tuple[float, ...]:
        """Recall lost in each class; empty where recalls are not known."""
        return tuple(before - after for before, after in zip(self.dense.recalls, self.recalls, strict=False))

    @property
    def worst_class(self) -> int:
        """The class that loses most, its place in `data.images.CLASSES`."""
        return int(np.argmax(self.class_drops))

    @property
    def class_margin(self) -> float:
        """Half the 95 % interval of the worst class's loss, as of two independent samples: on the careful side."""
        return _margin(self.dense.recalls[self.worst_class], self.recalls[self.worst_class], min(self.dense.images))

    @property
    def margin(self) -> float:
        """Half the 95 % interval of `drop`, as of two independent samples: on the careful side."""
        return _margin(self.dense.accuracy, self.accuracy, self.dense.total)

    def excess(self, limits: Limits) -> float:
        """By how much it breaks the limits on losses, added up; 0 where it keeps them."""
        over = 0.0
        if limits.drop is not None:
            # Neither by luck on these images nor by what the others let believe.
            lost = max(self.drop, self.dense.accuracy - self.standing)
            over += max(0.0, lost - limits.drop)
        if limits.class_drop is not None:
            over += max(0.0, max(self.class_drops, default=1.0) - limits.class_drop)
        # A whole image fewer is no less than a ten-thousandth: rounding breaks no limit.
        return over if over > 1e-9 else 0.0

    def to_json(self) -> dict[str, Any]:
        """All of it, with costs, as a JSON object; `from_json` reads it."""
        counted = cost(self.schedule)
        return {
            "schedule": self.schedule.to_json(),
            "label": self.schedule.label,
            **{kind: getattr(counted, kind) for kind in COUNTED},
            "predicted": self.predicted,
            "predicted_recalls": list(self.predicted_recalls),
            "measured": self.measured.to_json() if self.measured is not None else None,
            "believed": self.believed,
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
        """Read what `to_json` wrote."""
        measured = value["measured"]
        return cls(
            schedule=Schedule.from_json(value["schedule"]),
            dense=ClassCounts.from_json(value["dense"]),
            predicted=value["predicted"],
            predicted_recalls=tuple(value["predicted_recalls"]),
            measured=ClassCounts.from_json(measured) if measured is not None else None,
            believed=value["believed"],
            latency=value["latency"],
            timed=value["timed"],
            front=value["front"],
        )


def candidates(counts: np.ndarray, outlook: Surrogate, latency: LinearCost | None = None) -> tuple[Candidate, ...]:
    """Candidates of schedules, rows of counts (n, 9), in their order, as predicted."""
    accuracy, recalls = outlook.accuracy(counts), outlook.recalls(counts)
    return tuple(
        Candidate(
            schedule=Schedule(tuple(int(count) for count in row)),
            dense=outlook.dense,
            predicted=float(accuracy[i]),
            predicted_recalls=tuple(float(each) for each in recalls[i]),
            latency=float(latency(row[None])[0]) if latency is not None else None,
        )
        for i, row in enumerate(counts)
    )


def front(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The same candidates, those marked that no other beats in accuracy and MACs."""
    macs = [cost(each.schedule).macs for each in found]
    marks = pareto_front(macs, [each.standing for each in found]) if found else np.empty(0, dtype=bool)
    return tuple(replace(each, front=bool(mark)) for each, mark in zip(found, marks, strict=True))


def _margin(before: float, after: float, images: int) -> float:
    return float(Z * np.sqrt((before * (1 - before) + after * (1 - after)) / images))
