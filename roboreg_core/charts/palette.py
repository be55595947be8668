"""Colours and markers, distinguishable with every common colour blindness on the light and the dark theme.

A run's colour follows from its id, so it is the same on every page.
"""

from collections.abc import Sequence
from typing import NamedTuple

from roboreg_core.store.records import Record


class Theme(NamedTuple):
    """Colours (`#RRGGBB`) of pages and reports in a light or dark theme.

    Attributes:
        paper: background.
        ink: text.
        soft: secondary text.
        line: borders.
        panel: background of panels.
        gain, loss: text on changes, with a contrast of at least 4.5 to `paper`.
    """

    paper: str
    ink: str
    soft: str
    line: str
    panel: str
    gain: str
    loss: str


# As in .streamlit/config.toml.
LIGHT = Theme("#FFFFFF", "#1B2733", "#55626F", "#CBD5DF", "#F3F6F9", "#00609A", "#A84A00")
DARK = Theme("#12181F", "#E8EDF2", "#A9B6C3", "#3A4755", "#1D2630", "#7CC4EE", "#FFA469")
WHITE, INK = LIGHT.paper, LIGHT.ink
# Fill of bars in pages, `primaryColor` of the dark theme.
FILL = "#1F7CB6"
# Mid tones after Okabe and Ito, each with a contrast of at least 3 to 1 to both backgrounds.
BLUE, ORANGE, GREY = "#2B83BF", "#C97B00", "#7C8894"
RUN_COLOURS = (BLUE, ORANGE, "#00916A", "#D55E00", "#B5628E", "#7A7A00", "#5C6BC0", "#A0522D")
# Filled and hollow character of each marker; one marker per colour, so that eight runs differ in greyscale too.
MARKER_CHARACTERS = {
    "circle": "\u25cf\u25cb",
    "square": "\u25a0\u25a1",
    "triangle-up": "\u25b2\u25b3",
    "diamond": "\u25c6\u25c7",
    "cross": "\u271a\u2719",
    "triangle-down": "\u25bc\u25bd",
    "triangle-left": "\u25c0\u25c1",
    "triangle-right": "\u25b6\u25b7",
}
RUN_MARKERS = tuple(MARKER_CHARACTERS)
GAIN, LOSS = BLUE, ORANGE
# Cells of a matrix: full depth, not significant, and text on the latter.
CELL, NOISE, NOISE_INK = "#1E6DA8", "#E4E7EA", "#59636E"
# Alternately light and dark, so that neighbours differ in greyscale.
BAND_COLOURS = {
    "kept": "#D3DAE0",
    "recovered": "#9CCBEA",
    "lost": "#A34A00",
    "broken": "#F2A33A",
    "gained": CELL,
    "passing": "#E3CFA0",
    "never": NOISE_INK,
}
BAND_INKS = {**dict.fromkeys(BAND_COLOURS, INK), **dict.fromkeys(("lost", "gained", "never"), WHITE)}
STAGE_COLOURS = {"dense": GREY, "baseline": GREY, "pruned": ORANGE, "fine-tuned": BLUE}
STAGE_MARKERS = {"dense": "diamond", "baseline": "square", "pruned": "triangle-down", "fine-tuned": "circle"}


class Style(NamedTuple):
    """Colour (`#RRGGBB`) and marker (a key of `MARKER_CHARACTERS`) of a run."""

    colour: str
    marker: str


def styles(records: Sequence[Record]) -> dict[str, Style]:
    """Style of each run by its id; pass all runs, so that filtering the list changes no style."""
    return run_styles([record.id for record in sorted(records, key=lambda each: (each.created, each.id))])


def run_styles(runs: Sequence[str]) -> dict[str, Style]:
    """Style of each run by its id; `runs` are ids, oldest first, so that new runs do not change the styles of others.

    Each run takes the colour that its id hashes to, or the next free one among the current eight runs; the styles of up
    to 64 runs differ.
    """
    found: dict[str, Style] = {}
    unused: list[int] = []
    for number, run in enumerate(runs):
        unused = unused or list(range(len(RUN_COLOURS)))
        wanted = _hash(run) % len(RUN_COLOURS)
        place = min(unused, key=lambda each: (each - wanted) % len(RUN_COLOURS))
        unused.remove(place)
        marker = RUN_MARKERS[(place + number // len(RUN_COLOURS)) % len(RUN_MARKERS)]
        found[run] = Style(RUN_COLOURS[place], marker)
    return found


def _hash(run: str) -> int:
    try:
        return int(run[:8], 16)
    except ValueError:
        return sum(run.encode())
