"""What a report says, before it is HTML: a finding, tiles, and sections of prose, tables, charts and commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roboreg_core.report.markup import Markup


@dataclass(frozen=True, kw_only=True)
class Number:
    """A figure as people read it, and as it is; the file holds both.

    Attributes:
        value: the figure itself, unrounded.
        text: how it is shown.
        verdict: `gain`, `loss`, `within noise` or `no change` where it is a change; colours it.
    """

    value: float
    text: str
    verdict: str = ""


@dataclass(frozen=True, kw_only=True)
class Faint:
    """A cell that says nothing new, e.g. what is the same as in the baseline."""

    cell: str | Number


@dataclass(frozen=True, kw_only=True)
class Swatch:
    """A run's marker in its colour before its name; `marker` is one of `charts.palette.RUN_MARKERS`."""

    colour: str
    marker: str
    text: str


Cell = str | int | Number | Faint | Swatch


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One figure at the top: its change, and what it is compared with."""

    label: str
    value: Number
    change: Number
    against: str


@dataclass(frozen=True, kw_only=True)
class Prose:
    """A paragraph. `kind` is empty, `note` for what figures depend on, or `warning`."""

    text: str
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; the first cell of each row names it. `folded` tables open on a click, and on paper stay closed."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart under its finding."""

    title: str
    svg: Markup


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two figures beside each other where there is room."""

    figures: Sequence[Figure]


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command line, and what it does."""

    purpose: str
    line: str


Block = Prose | Table | Figure | Pair | Command


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading with what belongs to it."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, kw_only=True)
class Document:
    """A report.

    Attributes:
        name: what it is about, for the window's title.
        finding: one sentence.
        lead: what it is based on, and how sure it is; a paragraph each.
        tiles: the main figures.
        sections: the rest.
    """

    name: str
    finding: str
    lead: Sequence[str]
    tiles: Sequence[Tile] = ()
    sections: Sequence[Section] = ()
