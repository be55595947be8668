"""Report: precision, recall, F1 and support, as scikit-learn gives them, with the changes to the baseline."""

from __future__ import annotations

import streamlit as st

from roboreg_core.charts import classes, facts, versus, words
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import panels
from roboreg_core.ui.inspect import controls, tables


def show(summary: Summary) -> None:
    """The tab."""
    stage = controls.stage(summary.record)
    _words(summary, stage)
    other = None if versus.is_dense(summary) else summary.baseline.report
    frame = classes.classes_data(summary.record, stage, other)
    _table(summary, stage)
    panels.show(
        panels.Panel(
            name="classes",
            title=classes.classes_title(frame),
            chart=classes.classes_chart,
            frame=frame,
            alt_text=classes.classes_alt(frame),
            depends=facts.depends_on(summary.record),
        )
    )


def _words(summary: Summary, stage: str) -> None:
    report = facts.report_of(summary.record, stage)
    place = summary.worst_class(stage)
    verdict = place["verdict"]["words"]
    st.markdown(
        f"The {controls.STAGE_WORDS[stage].lower()} network is right on **{words.percent(report['accuracy'], 2)}** of "
        f"{report['images']:,} test images (loss {report['loss']:.4f} nats). "
        + panels.escape(versus.evidence(summary, stage))
    )
    st.info(
        f"Worst class: **{place['name']}**. {words.percent(place['recall'])} of them are found; against "
        f"{panels.escape(versus.long_name(summary))}: {panels.escape(verdict)}.",
        icon=":material/priority_high:",
    )


def _table(summary: Summary, stage: str) -> None:
    table = classes.verdicts_table(summary, stage)
    changes = {f"{measure}_change": measure for measure in classes.MEASURES}
    st.markdown("**Precision, recall and F1 of each class**")
    tables.show(
        table,
        ["recall_change", "verdict"],
        dict.fromkeys(classes.MEASURES, tables.percent) | dict.fromkeys(changes, tables.points) | {"support": "{:,}"},
        {"f1": "F1"} | dict.fromkeys(changes, "±"),
        f"Report of the {stage} network with changes",
    )
    st.caption(
        f"± is the change against {panels.escape(versus.long_name(summary))} in points. Verdicts: exact McNemar test "
        "of recall, Holm-corrected over the classes, and of accuracy, which stands under F1 as in scikit-learn. "
        "Precision and F1 are not tested."
    )
    tables.download(
        "Download report (CSV)", table.to_csv(index=False), f"report-{summary.record.id}-{stage}.csv", "download-report"
    )
