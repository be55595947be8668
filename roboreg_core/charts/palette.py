"""Colours and markers that are told apart with every common colour blindness, on white and on the dark theme alike.

A run gets its colour from its identity, so that it looks the same on every page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from roboreg_core.store.records import Record

# Mid tones after Okabe and Ito, each with a contrast of at least 3 to 1 to both backgrounds.
BLUE, ORANGE, GREY = "#2B83BF", "#C97B00", "#7C8894"
RUN_COLOURS = (BLUE, ORANGE, "#00916A", "#D55E00", "#B5628E", "#7A7A00", "#5C6BC0", "#A0522D")
# One a colour, so that the first eight runs are told apart without colours too.
RUN_MARKERS = (
    "circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-left", "triangle-right",
)  # fmt: skip
GAIN, LOSS = BLUE, ORANGE
# Behind a figure that may be chance.
NOISE = "#E4E7EA"
# Light and dark in turn, so that neighbours differ in greyscale.
BAND_COLOURS = {
    "kept": "#D3DAE0",
    "recovered": "#9CCBEA",
    "lost": "#A34A00",
    "broken": "#F2A33A",
    "gained": "#1E6DA8",
    "passing": "#E3CFA0",
    "never": "#59636E",
}
BAND_INKS = {**dict.fromkeys(BAND_COLOURS, "#1B2733"), **dict.fromkeys(("lost", "gained", "never"), "#FFFFFF")}
STAGE_COLOURS = {"dense": GREY, "baseline": GREY, "pruned": ORANGE, "tuned": BLUE}
STAGE_MARKERS = {"dense": "diamond", "baseline": "square", "pruned": "triangle-down", "tuned": "circle"}


class Style(NamedTuple):
    """How a run is drawn, on every page."""

    colour: str
    marker: str


def styles(records: Sequence[Record]) -> dict[str, Style]:
    """Style of each run by its id; pass all runs there are, so that a filter changes no run's style."""
    return run_styles([record.id for record in sorted(records, key=lambda each: (each.created, each.id))])


def run_styles(runs: Sequence[str]) -> dict[str, Style]:
    """Colour and marker for each of these runs' ids, given oldest first: all runs there are, whatever is shown.

    Up to 64 runs differ; a new run changes no older one's style.
    """
    found: dict[str, Style] = {}
    used = dict.fromkeys(RUN_COLOURS, 0)
    for run, colour in run_colours(runs).items():
        place = RUN_COLOURS.index(colour) + used[colour]
        found[run] = Style(colour, RUN_MARKERS[place % len(RUN_MARKERS)])
        used[colour] += 1
    return found


def run_colours(runs: Iterable[str]) -> dict[str, str]:
    """A colour for each of these runs' ids, given oldest first.

    Each takes the colour that its id asks for, or the next that is still free; once all are taken they are given out
    anew. So up to eight runs differ, and a new run changes no older one's colour.
    """
    colours: dict[str, str] = {}
    free: list[str] = []
    for run in runs:
        free = free or list(RUN_COLOURS)
        wanted = _number(run) % len(RUN_COLOURS)
        turned = RUN_COLOURS[wanted:] + RUN_COLOURS[:wanted]
        colours[run] = next(colour for colour in turned if colour in free)
        free.remove(colours[run])
    return colours


def _number(run: str) -> int:
    try:
        return int(run[:8], 16)
    except ValueError:
        return sum(run.encode())
