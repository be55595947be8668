"""Changed predictions tab: test images by class and kind of change, their gallery, and the paired test."""

from functools import partial

import pandas as pd
import streamlit as st

from roboreg_core.charts import changed_predictions
from roboreg_core.charts.base import Chosen
from roboreg_core.evaluation.prediction_changes import PredictionChanges
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import keys, panels, url_settings
from roboreg_core.ui.inspect import change_tables, controls, gallery
from roboreg_core.wording import baseline_changes, run_facts

_FIELDS = {"class": keys.CHANGES_CLASS, "band": keys.BAND}
_COMPARED = {"stages": "Dense, pruned, fine-tuned", "baseline": "Baseline, this run"}


def show(summary: Summary) -> None:
    """Draw the tab Changed predictions of a run."""
    compared = "stages"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if not baseline_changes.is_dense(summary):
            compared = controls.segment("Compare predictions of", keys.FOLLOW, _COMPARED, "baseline")
        label = "Include images whose predictions are always correct or always wrong"
        everything = controls.toggle(label, keys.EVERYTHING)
    followed = summary.damage if compared == "stages" else summary.flips
    frame = changed_predictions.changed_predictions_data(summary, followed)
    _chart(summary, frame, f"{compared} {everything}", everything)
    _pictures(summary, followed)
    _numbers(frame)
    change_tables.verdicts(summary)


def _chart(summary: Summary, frame: pd.DataFrame, variant: str, everything: bool) -> None:
    bands = list(dict.fromkeys(frame["band"]))
    url_settings.restore(
        [controls.optional(keys.BAND, bands), controls.optional(keys.CHANGES_CLASS, summary.classes)],
    )
    marks = controls.marks("changes", _chosen(summary), variant)
    panels.Panel(
        name="changes",
        key=marks.key,
        title=changed_predictions.changed_predictions_title(frame),
        frame=frame,
        chart=partial(changed_predictions.changed_predictions_chart, everything=everything, chosen=marks.chosen),
        alt_text=changed_predictions.changed_predictions_alt(frame),
        variant=f"{everything} {marks.chosen}",
        depends=f"Click a part of a bar to see its images. {run_facts.depends_on(summary.record)}",
        table=changed_predictions.changed_predictions_table(frame),
        on_select=partial(controls.clicked, "changes", marks.key, changed_predictions.SELECTION, variant, _FIELDS),
    ).show()


def _chosen(summary: Summary) -> Chosen:
    band, label = st.session_state[keys.BAND], st.session_state[keys.CHANGES_CLASS]
    if band is None:
        return ()
    return tuple({"class": each, "band": band} for each in summary.classes if label in (None, each))


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
    st.dataframe(
        changed_predictions.changed_predictions_table(frame), height="content", alt="Images by class and change"
    )
