"""Colours and markers that are told apart with every common colour blindness, on white and on the dark theme alike.

A run gets its colour from its identity, so that it looks the same on every page.
"""

from __future__ import annotations

from collections.abc import Iterable

# Mid tones after Okabe and Ito, each with a contrast of at least 3 to 1 to both backgrounds.
BLUE, ORANGE, GREY = "#2B83BF", "#C97B00", "#7C8894"
RUN_COLOURS = (BLUE, ORANGE, "#00916A", "#D55E00", "#B5628E", "#7A7A00", "#5C6BC0", "#A0522D")
STAGE_COLOURS = {"dense": GREY, "pruned": ORANGE, "tuned": BLUE}
STAGE_MARKERS = {"dense": "diamond", "pruned": "triangle-down", "tuned": "circle"}
STAGE_DASHES = {"dense": [2, 2], "pruned": [6, 3], "tuned": [1, 0]}


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
