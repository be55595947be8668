"""Choice of the classes that a tab shows if there are many: groups, the first of an order, or those found."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from roboreg_core.charts import many_classes
from roboreg_core.runs.class_groups import groups_of
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import keys, panels, url_settings
from roboreg_core.ui.url_settings import UrlSetting

MOST_TEXT = 200


@dataclass(frozen=True, kw_only=True)
class ShownClasses:
    """The classes that a tab shows.

    Attributes:
        names: the classes, in the order of the chart.
        by_group: True to show groups of classes instead of `names`.
        groups: class -> group; empty with few classes, or if the data set has no groups.
    """

    names: tuple[str, ...]
    by_group: bool
    groups: dict[str, str]


def pick(summary: Summary, scores: pd.Series, order: str, *, groups: bool = True) -> ShownClasses:
    """Draw a search field if there are many classes, and return the classes to show; without a search, the first ones.

    Args:
        summary: the run, whose data set has the classes.
        scores: class -> number; the classes with the highest numbers come first.
        order: description of that order, e.g. `most confused`.
        groups: show groups instead, if the data set has groups and nothing is searched.
    """
    if not many_classes.is_many(summary.classes):
        return ShownClasses(names=summary.classes, by_group=False, groups={})
    known = groups_of(summary.record)
    setting = UrlSetting(key=keys.FIND_CLASSES, default="", read=lambda text: text[:MOST_TEXT])
    url_settings.restore([setting])
    st.text_input(
        "Find classes",
        key=keys.FIND_CLASSES,
        max_chars=MOST_TEXT,
        placeholder=f"{'class or group' if known else 'class'}, or several, comma-separated",
        icon=":material/search:",
        persist_state="session",
    )
    url_settings.follow([setting])
    text = st.session_state[keys.FIND_CLASSES] or ""
    found = many_classes.found_classes(summary.classes, known, text)
    if text.strip() and found:
        _note(f"{len(found)} of {len(summary.classes)} classes match", found)
        return ShownClasses(names=tuple(found[: many_classes.MOST_FOUND]), by_group=False, groups=known)
    if text.strip():
        st.warning(f"No class matches {panels.escape(text.strip()[:60])}. Clear the field or write part of a name.")
    by_group = groups and bool(known)
    if by_group:
        count = len(set(known.values()))
        st.caption(f"{len(summary.classes)} classes in {count} groups. Click a mark, or search, to see single classes.")
    else:
        st.caption(f"The {many_classes.MOST} {order} of {len(summary.classes)} classes; all are in the table.")
    return ShownClasses(names=tuple(many_classes.first_classes(scores)), by_group=by_group, groups=known)


def zoom(key: str, selection: str, fields: tuple[str, ...]) -> None:
    """Callback of a chart of groups: fill the search field with the clicked groups, so that their classes are shown.

    Args:
        key: widget key of the chart.
        selection: name of its selection.
        fields: fields of the selection that hold names of groups.
    """
    state: Any = st.session_state.get(key) or {}
    found = (state.get("selection") or {}).get(selection) or []
    if found:
        st.session_state[keys.FIND_CLASSES] = ", ".join(dict.fromkeys(str(found[-1][field]) for field in fields))


def _note(text: str, found: list[str]) -> None:
    more = f"; the first {many_classes.MOST_FOUND} are shown" if len(found) > many_classes.MOST_FOUND else ""
    st.caption(f"{text}{more}.")
