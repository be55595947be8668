"""A schedule as a strip of nine cells, and texts of people in HTML; no text of theirs ever becomes markup."""

from __future__ import annotations

import html

from roboreg_core.schedules.schedule import BLOCKS_PER_STAGE, BOUNDS, Schedule

# `currentColor` is the theme's, so the strip fits light and dark.
_CELL = (
    "display:inline-block;width:2.1em;padding:.55em 0 .1em;margin-right:{gap}px;text-align:center;font-size:.8rem;"
    "border-bottom:1px solid color-mix(in srgb, currentColor 45%, transparent);"
    "background:linear-gradient(to top, color-mix(in srgb, #1F7CB6 38%, transparent) {share:.0f}%,"
    " color-mix(in srgb, currentColor 7%, transparent) {share:.0f}%)"
)


def strip(schedule: Schedule) -> str:
    """Nine cells as HTML, each filled as far as its block keeps filters; stages stand apart."""
    cells = []
    for block, (count, bound) in enumerate(zip(schedule, BOUNDS, strict=True), start=1):
        style = _CELL.format(gap=8 if block % BLOCKS_PER_STAGE == 0 else 2, share=100 * count / bound)
        title = f"Block {block}: {count} of {bound}"
        cells.append(f'<span style="{style}" title="{title}">{count}</span>')
    label = f"Clusters kept, blocks 1 to 9: {schedule}"
    return f'<span role="img" aria-label="{label}" style="white-space:nowrap">{"".join(cells)}</span>'


def text(value: str) -> str:
    """A person's text as HTML that shows it as it is, in its own direction and without turning its surroundings."""
    return f'<bdi dir="auto" style="overflow-wrap:anywhere">{html.escape(value)}</bdi>'


def chip(value: str) -> str:
    """A tag as HTML."""
    style = "border:1px solid color-mix(in srgb, currentColor 30%, transparent);border-radius:1em;padding:0 .6em"
    return f'<span style="{style};margin-right:.4em;font-size:.8rem;white-space:nowrap">{text(value)}</span>'


def isolated(value: str) -> str:
    """A person's text, quoted, inside one of ours that is no HTML: its direction ends with it."""
    return f"\u201c\u2068{value}\u2069\u201d"
