"""HTML for a schedule as a strip of cells, and for user texts, which never become markup."""

import html

from roboreg_core.charts.palette import FILL
from roboreg_core.schedules.schedule import Schedule

# `currentColor` is the theme's text colour, so the strip fits light and dark.
_CELL = (
    "display:inline-block;width:{width}em;padding:.55em 0 .1em;margin-right:{gap}px;text-align:center;font-size:.8rem;"
    "border-bottom:1px solid color-mix(in srgb, currentColor 45%, transparent);"
    "background:linear-gradient(to top, color-mix(in srgb, " + FILL + " 38%, transparent) {share:.0f}%,"
    " color-mix(in srgb, currentColor 7%, transparent) {share:.0f}%)"
)


def strip(schedule: Schedule) -> str:
    """HTML of a schedule: a cell per block, filled in proportion to the filters kept, with gaps between stages.

    In deep networks, neighbouring blocks with the same count share a cell, e.g. `8 ×4` for four blocks with 8 filters.
    """
    architecture = schedule.architecture
    cells, block = [], 1
    for count, n in schedule.runs if architecture.is_deep else [(count, 1) for count in schedule]:
        bound, last = schedule.bounds[block - 1], block + n - 1
        end_of_stage = last % architecture.blocks_per_stage == 0
        width = 4.2 if n > 1 else 2.1
        style = _CELL.format(gap=8 if end_of_stage else 2, share=100 * count / bound, width=width)
        title = f"{f'Blocks {block} to {last}' if n > 1 else f'Block {block}'}: {count} of {bound}"
        cells.append(f'<span style="{style}" title="{title}">{count}{f" ×{n}" if n > 1 else ""}</span>')
        block = last + 1
    label = f"Filters kept, blocks 1 to {architecture.n_blocks}: {schedule}"
    return f'<span role="img" aria-label="{label}" style="white-space:nowrap">{"".join(cells)}</span>'


def text(value: str) -> str:
    """User text as escaped HTML, isolated in its own writing direction."""
    return f'<bdi dir="auto" style="overflow-wrap:anywhere">{html.escape(value)}</bdi>'


def chip(value: str) -> str:
    """HTML of a tag of a saved schedule."""
    style = "border:1px solid color-mix(in srgb, currentColor 30%, transparent);border-radius:1em;padding:0 .6em"
    return f'<span style="{style};margin-right:.4em;font-size:.8rem;white-space:nowrap">{text(value)}</span>'


def isolated(value: str) -> str:
    """User text in quotation marks for plain text, with Unicode isolates, so that it may be written right to left."""
    return f"\u201c\u2068{value}\u2069\u201d"
