"""Ticks under a slider: where presets and saved schedules stand in that block, as a strip of HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

import streamlit as st

from roboreg_core import paths
from roboreg_core.charts import palette
from roboreg_core.schedules.schedule import BOUNDS, PRESETS, Schedule
from roboreg_core.ui import schedule_html, shared_state

# A tick says so many names, then how many more there are.
MOST_NAMES = 4
# Half of a slider's thumb: its track begins and ends so far inside the column.
INSET = 6
# A tick is thin; what the pointer must hit is not.
_TICK = (
    '<span title="{title}" style="position:absolute;left:{left:.2f}%;width:10px;height:9px;margin-left:-5px">'
    '<span style="position:absolute;left:4px;width:2px;height:{height}px;background:{colour}"></span></span>'
)


_STRIP = "position:relative;height:9px"


def strip(block: int) -> str:
    """The strip of a block, made once for every set of saved schedules."""
    return _strips(str(paths.home()), str(paths.recorded()), shared_state.store().version())[block - 1]


def drawn(block: int, presets: Mapping[str, Schedule], saved: Iterable[tuple[str, Schedule]]) -> str:
    """The same from presets and saved schedules by name; saved ones are orange and longer, and win where both stand."""
    bound = BOUNDS[block - 1]
    ours: dict[int, list[str]] = {}
    theirs: dict[int, list[str]] = {}
    for name, schedule in presets.items():
        ours.setdefault(schedule.clusters[block - 1], []).append(name)
    for name, schedule in saved:
        theirs.setdefault(schedule.clusters[block - 1], []).append(schedule_html.isolated(name))
    spans, said = [], []
    for count in sorted({*ours, *theirs}):
        names = _named([*theirs.get(count, []), *ours.get(count, [])])
        said.append(f"{count}: {names}")
        colour, height = (palette.ORANGE, 9) if count in theirs else (palette.GREY, 6)
        left = 100 * (count - 1) / (bound - 1)
        spans.append(_TICK.format(title=f"{count}: {names}", left=left, height=height, colour=colour))
    label = f"Block {block}, schedules at {'; '.join(said)}"
    return f'<div role="img" aria-label="{label}" style="{_STRIP}">{"".join(spans)}</div>'


def _named(names: list[str]) -> str:
    """Names for an attribute: no text of a person becomes markup there."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return html.escape(", ".join(names[:MOST_NAMES]) + more)


@st.cache_resource(show_spinner=False, max_entries=4)
def _strips(home: str, recorded: str, version: int) -> list[str]:
    del home, recorded, version  # only the key under which they are kept
    saved = [(each.name, each.schedule) for each in shared_state.saved()]
    return [drawn(block, PRESETS, saved) for block in range(1, len(BOUNDS) + 1)]
