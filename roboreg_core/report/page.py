"""A report's document as one HTML file: style inside, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

from roboreg_core import __version__
from roboreg_core.report.document import (
    Block,
    Cell,
    Command,
    Document,
    Faint,
    Figure,
    Number,
    Pair,
    Prose,
    Section,
    Swatch,
    Table,
    Tile,
)
from roboreg_core.report.markup import Content, Markup, join, tag
from roboreg_core.report.style import STYLE

# Browsers cut long titles of windows anyway.
TITLE_LENGTH = 120
# Even if something did slip in: no script runs and nothing is fetched.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
# Markers of charts as letters, so that runs are told apart in tables without colours too.
SIGNS = {
    "circle": "\u25cf", "square": "\u25a0", "triangle-up": "\u25b2", "diamond": "\u25c6", "cross": "\u271a",
    "triangle-down": "\u25bc", "triangle-left": "\u25c0", "triangle-right": "\u25b6",
}  # fmt: skip


def to_html(document: Document) -> str:
    """The file's text."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"RoboReg: {document.name}"[:TITLE_LENGTH]),
        tag("style", Markup(STYLE)),
    )
    body = tag(
        "body",
        tag(
            "header",
            tag("p", "RoboReg report", class_="kicker"),
            tag("h1", document.finding, dir="auto"),
            *(tag("p", text, class_="lead", dir="auto") for text in document.lead),
            tag("div", *map(_tile, document.tiles), class_="tiles") if document.tiles else None,
        ),
        tag("main", *map(_section, document.sections)),
        tag(
            "footer",
            tag("p", f"Written by RoboReg {__version__}. The file is complete: it loads nothing and runs nothing."),
        ),
    )
    return "<!DOCTYPE html>\n" + tag("html", head, body, lang="en").html + "\n"


def _section(section: Section) -> Markup:
    return tag("section", tag("h2", section.title), *map(_block, section.blocks))


def _tile(tile: Tile) -> Markup:
    return tag(
        "div",
        tag("p", tile.label, class_="label"),
        tag("p", _number(tile.value), class_="value"),
        tag("p", _number(tile.change), f" · {tile.against}", class_="change"),
        class_="tile",
    )


@singledispatch
def _block(block: Block) -> Markup:
    raise TypeError(f"a report has no place for {type(block).__name__}")


@_block.register
def _prose(block: Prose) -> Markup:
    return tag("p", block.text, class_=block.kind or None, dir="auto")


@_block.register
def _table(block: Table) -> Markup:
    head = tag("tr", *(tag("th", name, scope="col") for name in block.columns))
    table = tag("table", None if block.folded else tag("caption", block.caption), tag("thead", head), _rows(block.rows))
    # On a narrow screen a wide table scrolls by itself; the keyboard reaches it there.
    scrolled = tag("div", table, class_="wide", tabindex="0", role="region", aria_label=block.caption)
    return tag("details", tag("summary", block.caption), scrolled) if block.folded else scrolled


@_block.register
def _figure(block: Figure) -> Markup:
    drawing = tag("div", block.svg, class_="wide", tabindex="0", role="region", aria_label="Chart")
    return tag("figure", tag("figcaption", block.title, dir="auto"), drawing)


@_block.register
def _pair(block: Pair) -> Markup:
    return tag("div", *map(_figure, block.figures), class_="pair")


@_block.register
def _command(block: Command) -> Markup:
    return join((tag("p", block.purpose), tag("pre", tag("code", block.line))))


def _rows(rows: Sequence[Sequence[Cell]]) -> Markup:
    return tag("tbody", *(tag("tr", _heading(row[0]), *map(_cell, row[1:])) for row in rows))


def _heading(cell: Cell) -> Markup:
    return tag("th", _content(cell), scope="row", dir="auto")


def _cell(cell: Cell) -> Markup:
    inner = cell.cell if isinstance(cell, Faint) else cell
    kinds = ["number"] if isinstance(inner, int | Number) else []
    kinds += ["faint"] if isinstance(cell, Faint) else []
    direction = "auto" if isinstance(inner, str) else None
    return tag("td", _content(inner), class_=" ".join(kinds) or None, dir=direction)


def _content(cell: Cell) -> Content:
    if isinstance(cell, Number):
        return _number(cell)
    if isinstance(cell, Faint):
        return _content(cell.cell)
    if isinstance(cell, Swatch):
        # The colour is one of ours, and quoted all the same.
        sign = tag("span", SIGNS[cell.marker], class_="swatch", style=f"color:{cell.colour}", aria_hidden="true")
        return join((sign, cell.text))
    return cell


def _number(number: Number) -> Markup:
    return tag("data", number.text, value=repr(number.value), class_=number.verdict.replace(" ", "-") or None)
