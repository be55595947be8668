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
        verdict: kind of a change, `gain` and `loss` in colour; empty for other numbers.
        dimmed: True for a faint number.
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
    """A table; the first cell of a row is its heading."""

    columns: Sequence[str]
    rows: Rows


def count_table(corner: str, frame: pd.DataFrame) -> Table:
    """Table of a frame of counts; `corner` is the heading of the index column."""
    rows: Rows = [[str(name), *map(int, counts)] for name, counts in zip(frame.index, frame.to_numpy(), strict=True)]
    return Table(columns=[corner, *map(str, frame.columns)], rows=rows)


def count(value: int) -> Number:
    """A count with thousands separators, as `Number`."""
    return Number(value=value, text=fmt.count(value))


def decimal(value: float, spec: str) -> Number:
    """A number in a format specification such as `.2f`, as `Number`."""
    return Number(value=value, text=format(value, spec))


def percent(share: float, digits: int = 1) -> Number:
    """A share, 0..1, in percent, as `Number`."""
    return Number(value=share, text=fmt.percent(share, digits))


def points(difference: float, digits: int = 1, verdict: str = "") -> Number:
    """A difference of two shares in percentage points, as `Number`; `verdict` as in `Number`."""
    return Number(value=difference, text=fmt.signed_points(difference, digits), verdict=verdict)
