"""Values for the report's templates: numbers with their text, run names, tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.wording import fmt


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number as text, with its unrounded value.

    Attributes:
        value: the unrounded number.
        text: the number as shown.
        verdict: kind of a change, e.g. `gain` or `loss`, which are coloured; empty for other numbers.
        dimmed: True to show the number faint.
    """

    value: float
    text: str
    verdict: str = ""
    dimmed: bool = False


@dataclass(frozen=True, kw_only=True)
class RunName:
    """A run's label with its marker in its colour (`#rrggbb`)."""

    text: str
    marker: str
    colour: str

    @classmethod
    def of(cls, label: str, style: palette.Style) -> RunName:
        """Run name with this label and the marker and colour of `style`."""
        return cls(text=label, marker=palette.MARKER_CHARACTERS[style.marker][0], colour=style.colour)


Cell = str | int | Number | RunName
Rows = Sequence[Sequence[Cell]]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table: headings of the columns, and rows whose first cell is the heading of the row."""

    columns: Sequence[str]
    rows: Rows


def count_table(corner: str, frame: pd.DataFrame) -> Table:
    """Table of a frame of counts; `corner` is the heading of the index column."""
    rows: Rows = [[str(name), *map(int, counts)] for name, counts in zip(frame.index, frame.to_numpy(), strict=True)]
    return Table(columns=[corner, *map(str, frame.columns)], rows=rows)


def count(value: int) -> Number:
    """A count as `Number`: text `272,474` for 272474."""
    return Number(value=value, text=fmt.count(value))


def decimal(value: float, spec: str) -> Number:
    """A number as `Number`, its text in a format specification such as `.2f`."""
    return Number(value=value, text=format(value, spec))


def percent(share: float, digits: int = 1) -> Number:
    """A share (0..1) as `Number`: text `50.3 %` for 0.503."""
    return Number(value=share, text=fmt.percent(share, digits))


def points(difference: float, digits: int = 1, verdict: str = "") -> Number:
    """A difference of two shares (-1..1) as `Number`: text `−2.1 pp` for -0.021; `verdict` as in `Number`."""
    return Number(value=difference, text=fmt.signed_points(difference, digits), verdict=verdict)
