"""Ticks under a slider, as HTML: counts of presets and saved schedules in that block."""

import html
from collections.abc import Iterable, Mapping

import streamlit as st

from roboreg_core import paths
from roboreg_core.charts import palette
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.ui import schedule_html, shared_state
from roboreg_core.ui.design import editing_session

# Names shown in a tick's tooltip.
MOST_NAMES = 4
# Pixels between the column's edge and the slider's track: half of its thumb.
INSET = 6
# A thin tick inside a wider target for the pointer.
_TICK = (
    '<span title="{title}" style="position:absolute;left:{left:.2f}%;width:10px;height:9px;margin-left:-5px">'
    '<span style="position:absolute;left:4px;width:2px;height:{height}px;background:{colour}"></span></span>'
)


def strip(block: int) -> str:
    """Ticks under the slider of a block (from 1) as HTML; cached until the store changes."""
    limit, version = editing_session.limit(), shared_state.store().version()
    return _strips(str(paths.home()), str(paths.recorded()), version, repr(limit), limit)[block - 1]


def drawn(block: int, bound: int, presets: Mapping[str, Schedule], saved: Iterable[tuple[str, Schedule]]) -> str:
    """HTML of the ticks under the slider of one block.

    Args:
        block: its number, from 1.
        bound: largest count of the slider; the smallest is 1.
        presets: name -> schedule; grey ticks.
        saved: (name, schedule); orange, longer ticks, also where a preset has the same count.
    """
    preset_names: dict[int, list[str]] = {}
    saved_names: dict[int, list[str]] = {}
    for name, schedule in presets.items():
        preset_names.setdefault(schedule.counts[block - 1], []).append(name)
    for name, schedule in saved:
        saved_names.setdefault(schedule.counts[block - 1], []).append(schedule_html.isolated(name))
    spans, titles = [], []
    for count in sorted(count for count in {*preset_names, *saved_names} if count <= bound):
        titles.append(f"{count}: {_listed([*saved_names.get(count, []), *preset_names.get(count, [])])}")
        colour, height = (palette.ORANGE, 9) if count in saved_names else (palette.GREY, 6)
        left = 100 * (count - 1) / max(bound - 1, 1)
        spans.append(_TICK.format(title=titles[-1], left=left, height=height, colour=colour))
    label = f"Block {block}, schedules at {'; '.join(titles)}"
    return f'<div role="img" aria-label="{label}" style="position:relative;height:9px">{"".join(spans)}</div>'


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return html.escape(", ".join(names[:MOST_NAMES]) + more)


@st.cache_resource(show_spinner=False, max_entries=4)
def _strips(home: str, recorded: str, version: int, key: str, _limit: Schedule) -> list[str]:
    del home, recorded, version, key  # only the cache key
    own = (each for each in shared_state.saved() if each.schedule.architecture == _limit.architecture)
    saved = [(each.name, each.schedule) for each in own]
    known = presets(_limit.architecture)
    return [drawn(block, bound, known, saved) for block, bound in enumerate(_limit, start=1)]
