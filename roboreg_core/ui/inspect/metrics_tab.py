"""Per-class metrics tab: precision, recall, F1 and support as in scikit-learn, with changes to the baseline."""

import pandas as pd
import streamlit as st

from roboreg_core.charts import many_classes, per_class_metrics
from roboreg_core.runs.results import report_of
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import keys, panels
from roboreg_core.ui.inspect import change_tables, class_choice, controls
from roboreg_core.ui.inspect.class_choice import ShownClasses
from roboreg_core.wording import baseline_changes, fmt, run_facts


def show(summary: Summary) -> None:
    """Draw the tab Per-class metrics: precision, recall, F1 and support as a table and a chart."""
    stage = controls.stage(summary.record)
    _words(summary, stage)
    other = None if baseline_changes.is_dense(summary) else summary.baseline.report
    frame = per_class_metrics.classes_data(summary.record, stage, other)
    shown = class_choice.pick(summary, per_class_metrics.changed_classes(frame), "most changed", groups=False)
    _table(summary, stage, shown)
    panels.Panel(
        name="classes",
        title=per_class_metrics.classes_title(frame),
        chart=per_class_metrics.classes_chart,
        frame=many_classes.of_classes(frame, shown.names),
        table=frame,
        alt_text=per_class_metrics.classes_alt(frame),
        depends=run_facts.depends_on(summary.record),
    ).show()


def _words(summary: Summary, stage: str) -> None:
    report = report_of(summary.record, stage)
    worst = summary.worst_class(stage)
    st.markdown(
        f"Accuracy of the {fmt.STAGE_WORDS[stage]} network **{fmt.percent(report['accuracy'], 2)}** "
        f"({report['images']:,} test images), cross-entropy {report['loss']:.4f}. "
        + panels.escape(baseline_changes.evidence(summary, stage))
    )
    st.info(
        f"Worst-class recall (**{worst['name']}**): {fmt.percent(worst['recall'])}. Against "
        f"{panels.escape(baseline_changes.long_name(summary))}: {panels.escape(worst['verdict']['words'])}.",
        icon=":material/priority_high:",
    )


def _table(summary: Summary, stage: str, shown: ShownClasses) -> None:
    whole = per_class_metrics.verdicts_table(summary, stage)
    table = _worst_first(whole, summary, shown) if many_classes.is_many(summary.classes) else whole
    changes = {f"{measure}_change": measure for measure in per_class_metrics.MEASURES}
    st.markdown("**Precision, recall and F1 per class**")
    change_tables.show(
        table,
        ["recall_change", "verdict"],
        dict.fromkeys(per_class_metrics.MEASURES, change_tables.percent)
        | dict.fromkeys(changes, change_tables.points)
        | {"support": "{:,}"},
        {"f1": "F1"} | dict.fromkeys(changes, "Δ (pp)"),
        f"Per-class metrics of the {fmt.STAGE_WORDS[stage]} network with changes",
    )
    st.caption(
        f"Δ: change against {panels.escape(baseline_changes.long_name(summary))} in percentage points. "
        f"Verdicts: exact McNemar test of recall, Holm-corrected over the {len(summary.classes)} classes, and of "
        "accuracy, listed under F1 as in scikit-learn. Precision and F1 are not tested."
    )
    panels.download(
        "Download metrics (CSV)",
        whole.to_csv(index=False),
        f"report-{summary.record.id}-{stage}.csv",
        "download-report",
    )


def _worst_first(table: pd.DataFrame, summary: Summary, shown: ShownClasses) -> pd.DataFrame:
    """Accuracy and averages, then the classes, lowest recall first; of a search only those found."""
    count = len(summary.classes)
    rows, totals = table[:count].sort_values("recall", kind="stable"), table[count:]
    if st.session_state[keys.FIND_CLASSES]:
        rows = rows[rows["class"].isin(shown.names)]
    return pd.concat([totals, rows], ignore_index=True)
