"""Cells of a report's tables: figures with their units, changes with their verdicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from roboreg_core.charts import words
from roboreg_core.charts.facts import Change
from roboreg_core.evaluation.paired import Verdict
from roboreg_core.report.document import Number
from roboreg_core.runs.figures import Pair

STAGE_WORDS = {"dense": "dense", "pruned": "pruned", "tuned": "fine-tuned"}
# Of a chart with another one beside it, in pixels.
HALF_WIDTH = 340


def share(value: float, digits: int = 1) -> Number:
    """A share as percent."""
    return Number(value=value, text=words.percent(value, digits))


def points(change: Change, digits: int = 1) -> Number:
    """A change of a share in points, with its verdict."""
    return Number(value=change.difference, text=words.signed_points(change.difference, digits), verdict=change.verdict)


def relative(change: Change) -> Number:
    """A change of a count in percent, with its verdict."""
    return Number(value=change.relative, text=words.signed_percent(change.relative), verdict=change.verdict)


def counted(value: float, shown: Callable[[Any], str] = words.count) -> Number:
    """A count, written by `shown`."""
    return Number(value=value, text=shown(value))


def judged(verdict: Verdict, digits: int = 1) -> Number:
    """A change of accuracy or recall in points, coloured as the paired test judges it."""
    return Number(value=verdict.difference, text=words.signed_points(verdict.difference, digits), verdict=verdict.kind)


def moved(difference: float) -> Number:
    """A change of a share in points that no test was made of."""
    return Number(value=difference, text=words.signed_points(difference))


def beside(pair: Pair) -> Number:
    """A figure's change to the baseline's in percent, not coloured."""
    return Number(value=pair.relative, text=words.signed_percent(pair.relative))
