"""Colours and markers that are told apart with every common colour blindness, on white and on the dark theme alike.

A run gets its colour and marker from its identity, so that it looks the same on every page and every machine.
"""

from __future__ import annotations

# Mid tones after Okabe and Ito, each with a contrast of at least 3 to 1 to both backgrounds.
BLUE, ORANGE, GREY = "#2B83BF", "#C97B00", "#7C8894"
RUN_COLOURS = (BLUE, ORANGE, "#00916A", "#D55E00", "#B5628E", "#7A7A00", "#5C6BC0", "#A0522D")
RUN_MARKERS = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
STAGE_COLOURS = {"dense": GREY, "pruned": ORANGE, "tuned": BLUE}
STAGE_MARKERS = {"dense": "diamond", "pruned": "triangle-down", "tuned": "circle"}
STAGE_DASHES = {"dense": [2, 2], "pruned": [6, 3], "tuned": [1, 0]}


def run_colour(run: str) -> str:
    """The colour of the run with this id."""
    return RUN_COLOURS[_number(run) % len(RUN_COLOURS)]


def run_marker(run: str) -> str:
    """The marker of the run with this id."""
    return RUN_MARKERS[_number(run) // len(RUN_COLOURS) % len(RUN_MARKERS)]


def _number(run: str) -> int:
    try:
        return int(run[:8], 16)
    except ValueError:
        return sum(run.encode())
