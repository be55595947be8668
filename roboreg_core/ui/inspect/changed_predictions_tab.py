"""Changed predictions tab: test images by class and kind of change, their gallery, and the paired test."""

from functools import partial

import pandas as pd
import streamlit as st

from roboreg_core.charts import changed_predictions, many_classes
from roboreg_core.charts.base import Chosen
from roboreg_core.evaluation.prediction_changes import PredictionChanges
from roboreg_core.runs.class_groups import group_names, grouped_changes
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import keys, panels, url_settings
from roboreg_core.ui.inspect import change_tables, class_choice, controls, gallery
from roboreg_core.ui.inspect.class_choice import ShownClasses
from roboreg_core.wording import baseline_changes, run_facts

_FIELDS = {"class": keys.CHANGES_CLASS, "band": keys.BAND}
_COMPARED = {"stages": "Dense, pruned, fine-tuned", "baseline": "Baseline, this run"}


def show(summary: Summary) -> None:
    """Draw the tab Changed predictions: a chart by class and kind of change, the images, and the paired test."""
    compared = "stages"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if not baseline_changes.is_dense(summary):
            compared = controls.segment("Compare predictions of", keys.FOLLOW, _COMPARED, "baseline")
        label = "Include images whose predictions are always correct or always wrong"
        everything = controls.toggle(label, keys.EVERYTHING)
    followed = summary.stage_changes if compared == "stages" else summary.flips
    frame = changed_predictions.changed_predictions_data(summary, followed)
    shown = class_choice.pick(summary, changed_predictions.changed_classes(frame), "most changed")
    _chart(summary, frame, _bars(summary, frame, followed, shown), f"{compared} {everything}", everything, shown)
    _pictures(summary, followed)
    _numbers(frame)
    change_tables.verdicts(summary)


def _bars(summary: Summary, frame: pd.DataFrame, followed: PredictionChanges, shown: ShownClasses) -> pd.DataFrame:
    if not shown.by_group:
        return many_classes.of_classes(frame, shown.names)
    changes = grouped_changes(followed, summary.classes, shown.groups)
    bars = changed_predictions.bands_data(changes, group_names(shown.groups))
    return many_classes.of_classes(
        bars, many_classes.first_classes(changed_predictions.changed_classes(bars), len(bars))
    )


def _chart(
    summary: Summary, frame: pd.DataFrame, bars: pd.DataFrame, variant: str, everything: bool, shown: ShownClasses
) -> None:
    variant = f"{variant} {shown.names} {shown.by_group}"
    bands = list(dict.fromkeys(frame["band"]))
    url_settings.restore(
        [controls.optional(keys.BAND, bands), controls.optional(keys.CHANGES_CLASS, summary.classes)],
    )
    marks = controls.marks("changes", () if shown.by_group else _chosen(shown), variant)
    click, select = "its classes" if shown.by_group else "its images", changed_predictions.SELECTION
    panels.Panel(
        name="changes",
        key=marks.key,
        title=changed_predictions.changed_predictions_title(frame),
        frame=bars,
        chart=partial(changed_predictions.changed_predictions_chart, everything=everything, chosen=marks.chosen),
        alt_text=changed_predictions.changed_predictions_alt(frame),
        variant=f"{everything} {marks.chosen}",
        depends=f"Click a part of a bar to see {click}. {run_facts.depends_on(summary.record)}",
        table=changed_predictions.changed_predictions_table(frame),
        on_select=partial(class_choice.zoom, marks.key, select, ("class",))
        if shown.by_group
        else partial(controls.clicked, "changes", marks.key, select, variant, _FIELDS),
    ).show()


def _chosen(shown: ShownClasses) -> Chosen:
    band, label = st.session_state[keys.BAND], st.session_state[keys.CHANGES_CLASS]
    if band is None:
        return ()
    return tuple({"class": each, "band": band} for each in shown.names if label in (None, each))


def _pictures(summary: Summary, followed: PredictionChanges) -> None:
    with st.container(horizontal=True):
        labels = {name: name for name in summary.classes}
        label = controls.choice("Class", keys.CHANGES_CLASS, labels, "All classes")
        place = None if label is None else summary.classes.index(label)
        counts = {band: len(followed.images(band, place)) for band in followed.bands}
        options = {band: f"{changed_predictions.BAND_WORDS[band]} ({count:,})" for band, count in counts.items()}
        band = controls.choice("Images", keys.BAND, options, "Choose to see images")
    if band is None:
        st.caption("Click a part of a bar, or choose a class and kind of change, to see images.")
        return
    title = f"{(label or 'all classes').capitalize()}, {changed_predictions.BAND_WORDS[band]}"
    st.caption(f"{followed.meanings[band].capitalize()}. Percent: confidence of the network.")
    gallery.show("band", followed.images(band, place), title, summary)


def _numbers(frame: pd.DataFrame) -> None:
    st.markdown("**Images by class and change**")
    order = changed_predictions.changed_classes(frame)
    if many_classes.is_many(order):
        frame = many_classes.of_classes(frame, many_classes.first_classes(order, len(order)))
    table = changed_predictions.changed_predictions_table(frame)
    st.dataframe(table, height=change_tables.height(table), alt="Images by class and change")
