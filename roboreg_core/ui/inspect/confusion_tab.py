"""Confusion tab: counts, row percentages or the difference to the baseline; a cell opens its images."""

from functools import partial

import streamlit as st

from roboreg_core.charts import confusion_difference, confusion_matrix
from roboreg_core.charts.base import Chosen
from roboreg_core.runs.results import report_of
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import keys, panels, url_settings
from roboreg_core.ui.inspect import controls, gallery
from roboreg_core.wording import baseline_changes, fmt, run_facts

_VALUES = {"count": "Images", "share": "Row percentages", "difference": "Difference"}
_FIELDS = {"true": keys.TRUE, "predicted": keys.PREDICTED}


def show(summary: Summary) -> None:
    """Draw the tab Confusion of a run."""
    with st.container(horizontal=True):
        stage = controls.stage(summary.record)
        values = controls.segment("Cells show", keys.CONFUSION_VALUES, _VALUES, "count")
    url_settings.restore([controls.optional(key, summary.classes) for key in _FIELDS.values()])
    if values == "difference":
        _difference(summary, stage)
    else:
        _counts(summary, stage, values)
    _pictures(summary, stage, values)


def _counts(summary: Summary, stage: str, values: str) -> None:
    ink, variant = panels.ink(), f"{stage} {values}"
    frame = confusion_matrix.confusion_data(report_of(summary.record, stage))
    marks = controls.marks("confusion", _chosen(), variant)
    panels.Panel(
        name="confusion",
        key=marks.key,
        title=confusion_matrix.confusion_title(frame),
        frame=frame,
        chart=partial(confusion_matrix.confusion_chart, values=values, ink=ink, chosen=marks.chosen),
        alt_text=confusion_matrix.confusion_alt(frame),
        variant=f"{values} {ink} {marks.chosen}",
        depends=f"Click a cell to see its images. {_network(stage)}, {run_facts.depends_on(summary.record)}",
        table=confusion_matrix.confusion_table(frame, values),
        on_select=partial(controls.clicked, "confusion", marks.key, confusion_matrix.SELECTION, variant, _FIELDS),
    ).show()


def _difference(summary: Summary, stage: str) -> None:
    variant, name = f"{stage} difference", baseline_changes.long_name(summary)
    frame = confusion_difference.difference_data(summary.paired[stage].confusion, summary.classes)
    marks = controls.marks("confusion", _chosen(), variant)
    panels.Panel(
        name="confusion",
        key=marks.key,
        title=confusion_difference.difference_title(frame, name),
        frame=frame,
        chart=partial(confusion_difference.difference_chart, chosen=marks.chosen),
        alt_text=confusion_difference.difference_alt(frame, name),
        variant=f"difference {marks.chosen}",
        depends=f"{_network(stage)} minus {name}; click a cell to see its images. {confusion_difference.RULE}",
        table=confusion_difference.difference_table(frame),
        on_select=partial(controls.clicked, "confusion", marks.key, confusion_matrix.SELECTION, variant, _FIELDS),
    ).show()


def _network(stage: str) -> str:
    return f"{controls.STAGE_WORDS[stage]} network"


def _chosen() -> Chosen:
    true, predicted = (st.session_state[key] for key in _FIELDS.values())
    return ({"true": true, "predicted": predicted},) if true and predicted else ()


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
