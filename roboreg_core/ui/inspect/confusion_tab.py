"""Confusion tab: counts, row percentages or the difference to the baseline; a cell opens its images."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from roboreg_core.charts import confusion_difference, confusion_matrix, many_classes
from roboreg_core.charts.base import Chosen
from roboreg_core.runs.class_groups import group_names, grouped_confusion
from roboreg_core.runs.results import report_of
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import keys, panels, url_settings
from roboreg_core.ui.inspect import class_choice, controls, gallery
from roboreg_core.ui.inspect.class_choice import ShownClasses
from roboreg_core.wording import baseline_changes, fmt, run_facts

_VALUES = {"count": "Images", "share": "Row percentages", "difference": "Difference"}
_FIELDS = {"true": keys.TRUE, "predicted": keys.PREDICTED}
# Columns of a cell in the charts' data.
CELL = ("true", "predicted")


def show(summary: Summary) -> None:
    """Draw the tab Confusion: the confusion matrix, and the images of the clicked cell."""
    with st.container(horizontal=True):
        stage = controls.stage(summary.record)
        values = controls.segment("Cells show", keys.CONFUSION_VALUES, _VALUES, "count")
    url_settings.restore([controls.optional(key, summary.classes) for key in _FIELDS.values()])
    draw = _difference if values == "difference" else _counts
    draw(summary, stage, values)
    _pictures(summary, stage, values)


def _counts(summary: Summary, stage: str, values: str) -> None:
    frame = confusion_matrix.confusion_data(report_of(summary.record, stage))
    shown = class_choice.pick(summary, confusion_matrix.confused_classes(frame), "most confused")
    if shown.by_group:
        names = group_names(shown.groups)
        counts = grouped_confusion(summary, stage, shown.groups).after.tolist()
        cells = confusion_matrix.confusion_data({"per_class": [{"name": name} for name in names], "confusion": counts})
    else:
        cells = many_classes.of_classes(frame, shown.names, CELL)
    ink, variant = panels.ink(), f"{stage} {values} {shown.names} {shown.by_group}"
    marks = controls.marks("confusion", () if shown.by_group else _chosen(shown), variant)
    panels.Panel(
        name="confusion",
        key=marks.key,
        title=confusion_matrix.confusion_title(frame),
        frame=cells,
        chart=partial(confusion_matrix.confusion_chart, values=values, ink=ink, chosen=marks.chosen),
        alt_text=confusion_matrix.confusion_alt(frame),
        variant=f"{values} {ink} {marks.chosen}",
        depends=f"{_click(shown)} {_network(stage)}, {run_facts.depends_on(summary.record)}",
        table=confusion_matrix.confusion_table(frame, values),
        on_select=_on_select(shown, marks.key, variant),
    ).show()


def _difference(summary: Summary, stage: str, values: str) -> None:
    name = baseline_changes.long_name(summary)
    frame = confusion_difference.difference_data(summary.paired[stage].confusion, summary.classes)
    shown = class_choice.pick(summary, confusion_matrix.confused_classes(frame, "difference"), "most changed")
    if shown.by_group:
        change = grouped_confusion(summary, stage, shown.groups)
        cells = confusion_difference.difference_data(change, group_names(shown.groups))
    else:
        cells = many_classes.of_classes(frame, shown.names, CELL)
    variant = f"{stage} {values} {shown.names} {shown.by_group}"
    marks = controls.marks("confusion", () if shown.by_group else _chosen(shown), variant)
    panels.Panel(
        name="confusion",
        key=marks.key,
        title=confusion_difference.difference_title(frame, name),
        frame=cells,
        chart=partial(confusion_difference.difference_chart, chosen=marks.chosen),
        alt_text=confusion_difference.difference_alt(frame, name),
        variant=f"difference {marks.chosen}",
        depends=f"{_network(stage)} minus {name}. {_click(shown)} {confusion_difference.RULE}",
        table=confusion_difference.difference_table(frame),
        on_select=_on_select(shown, marks.key, variant),
    ).show()


def _click(shown: ShownClasses) -> str:
    return "Click a cell to see its classes." if shown.by_group else "Click a cell to see its images."


def _on_select(shown: ShownClasses, key: str, variant: str) -> Callable[[], None]:
    if shown.by_group:
        return partial(class_choice.zoom, key, confusion_matrix.SELECTION, CELL)
    return partial(controls.clicked, "confusion", key, confusion_matrix.SELECTION, variant, _FIELDS)


def _network(stage: str) -> str:
    return f"{controls.STAGE_WORDS[stage]} network"


def _chosen(shown: ShownClasses) -> Chosen:
    true, predicted = (st.session_state[key] for key in _FIELDS.values())
    return ({"true": true, "predicted": predicted},) if true in shown.names and predicted in shown.names else ()


def _pictures(summary: Summary, stage: str, values: str) -> None:
    with st.container(horizontal=True):
        options = {name: name for name in summary.classes}
        true = controls.choice("True class", keys.TRUE, options, "Choose a row")
        predicted = controls.choice("Predicted class", keys.PREDICTED, options, "Choose a column")
    if true is None or predicted is None:
        st.caption("Click a cell, or choose a true and a predicted class, to see its images.")
        return
    row, column = summary.classes.index(true), summary.classes.index(predicted)
    title = f"{true.capitalize()} predicted as {predicted}" if row != column else f"{true.capitalize()}, correct"
    if values != "difference":
        gallery.show("cell", summary.confused(stage, row, column), title, summary)
        return
    entered, left = summary.moved(stage, row, column)
    baseline = baseline_changes.short_name(summary)
    change = fmt.signed(len(entered) - len(left), 0)
    st.markdown(f"**{title}**: {len(entered):,} images entered this cell, {len(left):,} left it, net change {change}.")
    gallery.show("entered", entered, f"Entered, compared with {baseline}", summary)
    gallery.show("left", left, f"Left, compared with {baseline}", summary)
