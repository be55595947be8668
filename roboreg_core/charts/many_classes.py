"""Choice of the classes that a chart shows if a data set has too many for one chart."""

from collections.abc import Mapping, Sequence, Sized

import pandas as pd

# Charts show all classes up to this number, and the first of an order beyond it.
MOST = 20
# Most classes that a search shows.
MOST_FOUND = 40


def is_many(classes: Sized) -> bool:
    """True if these are too many classes for one chart, more than `MOST`."""
    return len(classes) > MOST


def figures_note(classes: Sized) -> str:
    """Sentence on the classes that a report's figures show; empty if they show all."""
    if not is_many(classes):
        return ""
    return (
        f"The figures of classes show {MOST} of {len(classes)}: those with most confusions or largest changes. The "
        "tables have all."
    )


def first_classes(scores: pd.Series, most: int = MOST) -> list[str]:
    """Names of the `most` classes with the highest scores, highest first; `scores` is indexed by class name."""
    return [str(name) for name in scores.sort_values(ascending=False, kind="stable").index[:most]]


def found_classes(classes: Sequence[str], groups: Mapping[str, str], text: str) -> list[str]:
    """Names of the classes that a search text matches, in the order of `classes`.

    Args:
        classes: names of all classes.
        groups: class -> name of its group; empty if the data set has no groups.
        text: comma-separated terms, each the name of a group, or a part of the names of classes.
    """
    terms = [_plain(term) for term in text.split(",") if term.strip()]
    named = {_plain(group) for group in groups.values()}
    return [
        name
        for name in classes
        if any(_plain(groups[name]) == term if term in named else term in _plain(name) for term in terms)
    ]


def of_classes(frame: pd.DataFrame, classes: Sequence[str], columns: Sequence[str] = ("class",)) -> pd.DataFrame:
    """Rows of `frame` with one of the classes in each of the `columns`, in the order of the classes."""
    for column in columns:
        frame = frame[frame[column].isin(classes)]
    place = {name: number for number, name in enumerate(classes)}
    return frame.sort_values(list(columns), key=lambda names: names.map(place), kind="stable")


def _plain(text: str) -> str:
    return text.casefold().replace("_", " ").strip()
