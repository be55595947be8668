"""Damage: what became of every test image, by class, with the pictures of each band, and the paired test."""

from __future__ import annotations

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

_FIELDS = {"class": keys.DAMAGE_CLASS, "band": keys.BAND}
_WAYS = {"stages": "Dense, pruned, fine-tuned", "baseline": "Baseline, this run"}


def show(summary: Summary) -> None:
    """The tab."""
    way = "stages"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if not baseline_changes.is_dense(summary):
            way = controls.segment("Images are followed through", keys.FOLLOW, _WAYS, "baseline")
        everything = _everything()
    followed = summary.damage if way == "stages" else summary.flips
    frame = changed_predictions.damage_data(summary, followed)
    _chart(summary, frame, f"{way} {everything}", everything)
    _pictures(summary, followed)
    _numbers(frame)
    change_tables.verdicts(summary)


def _everything() -> bool:
    setting = url_settings.UrlSetting(key=keys.EVERYTHING, default=False, read=url_settings.flag)
    url_settings.restore([setting])
    label = "Also draw images that are always right or never"
    st.toggle(label, key=keys.EVERYTHING, persist_state="session")
    url_settings.follow([setting])
    return bool(st.session_state[keys.EVERYTHING])


def _chart(summary: Summary, frame: pd.DataFrame, variant: str, everything: bool) -> None:
    bands = list(dict.fromkeys(frame["band"]))
    url_settings.restore(
        [controls.optional(keys.BAND, bands), controls.optional(keys.DAMAGE_CLASS, summary.classes)],
    )
    marks = controls.marks("damage", _chosen(summary), variant)
    panels.show(
        panels.Panel(
            name="damage",
            key=marks.key,
            title=changed_predictions.damage_title(frame),
            frame=frame,
            chart=partial(changed_predictions.damage_chart, everything=everything, chosen=marks.chosen),
            alt_text=changed_predictions.damage_alt(frame),
            variant=f"{everything} {marks.chosen}",
            depends=f"Click a part of a bar to see its images. {run_facts.depends_on(summary.record)}",
            table=changed_predictions.damage_table(frame),
            on_select=partial(controls.clicked, "damage", marks.key, changed_predictions.SELECTION, variant, _FIELDS),
        )
    )


def _chosen(summary: Summary) -> Chosen:
    band, label = st.session_state[keys.BAND], st.session_state[keys.DAMAGE_CLASS]
    if band is None:
        return ()
    return tuple({"class": each, "band": band} for each in summary.classes if label in (None, each))


def _pictures(summary: Summary, followed: PredictionChanges) -> None:
    with st.container(horizontal=True):
        labels = {name: name for name in summary.classes}
        label = controls.choice("Class", keys.DAMAGE_CLASS, labels, "All classes")
        place = None if label is None else summary.classes.index(label)
        counts = {band: len(followed.images(band, place)) for band in followed.bands}
        options = {band: f"{changed_predictions.BAND_WORDS[band]} ({count:,})" for band, count in counts.items()}
        band = controls.choice("Images that are", keys.BAND, options, "Choose, to see them")
    if band is None:
        st.caption("No images are shown yet: click a part of a bar, or choose what to see.")
        return
    title = f"{(label or 'all classes').capitalize()}, {changed_predictions.BAND_WORDS[band]}"
    st.caption(f"{followed.meanings[band].capitalize()}. Percent: how sure the network was.")
    gallery.show("band", followed.images(band, place), title, gallery.GalleryPredictions.of(summary))


def _numbers(frame: pd.DataFrame) -> None:
    st.markdown("**Images by class and by what became of them**")
    st.dataframe(changed_predictions.damage_table(frame), height="content", alt="Images by class and band")
