"""Accuracy, changed predictions, per-class metrics and confusion matrices of a run, for the report.

Numbers and verdicts are those of `Summary`, as printed by `runs show RUN --json`.
"""

from typing import Any

import pandas as pd

from roboreg_core.charts import (
    changed_predictions,
    confusion_difference,
    confusion_matrix,
    many_classes,
    per_class_metrics,
)
from roboreg_core.evaluation.paired_tests import p_words
from roboreg_core.report.svg import INK, figure
from roboreg_core.report.values import Cell, Number, Rows, count, count_table, decimal, percent, points
from roboreg_core.runs.metric_changes import MEASURES
from roboreg_core.runs.results import report_of
from roboreg_core.runs.summary import Summary
from roboreg_core.wording import baseline_changes, fmt


def accuracy_rows(found: Summary) -> Rows:
    """Table rows, one each for the dense, the pruned and, if there is one, the fine-tuned network.

    Cells: name, accuracy, cross-entropy in nats; against the baseline the change of accuracy, its 95 % margin, numbers
    of predictions lost and gained, and the verdict. The last five are empty in the baseline's own row.
    """
    names = fmt.STAGE_WORDS
    return [[name, *_accuracy_cells(found, stage)] for stage, name in names.items() if stage in found.paired]


def _accuracy_cells(found: Summary, stage: str) -> list[Cell]:
    report, paired = report_of(found.record, stage), found.paired[stage]
    cells: list[Cell] = [percent(report["accuracy"], 2), decimal(report["loss"], ".4f")]
    if stage == found.baseline.stage and found.baseline.record is found.record:
        return [*cells, "", "", "", "", ""]
    verdict = paired.verdict
    margin = Number(value=verdict.margin, text=f"±{verdict.margin * 100:.2f}{fmt.NBSP}pp")
    flips = (count(paired.flips.lost), count(paired.flips.gained))
    return [*cells, points(verdict.difference, 2, verdict.kind), margin, *flips, verdict.words]


def changed_prediction_values(found: Summary) -> dict[str, Any]:
    """Values for the template of the report: predictions changed from dense to pruned to fine-tuned.

    Keys: `figure`; `bands`, rows with a band's label, description and number of images; `by_class`, a `Table`.
    """
    frame, changes = changed_predictions.changed_predictions_data(found), found.stage_changes
    bands = [
        [changed_predictions.BAND_WORDS[band], text, count(changes.count(band))]
        for band, text in changes.meanings.items()
    ]
    chart = figure(
        changed_predictions.changed_predictions_chart(_shown(frame, changed_predictions.changed_classes(frame))),
        "changes",
        changed_predictions.changed_predictions_title(frame),
    )
    return {
        "figure": chart,
        "bands": bands,
        "by_class": count_table("class", changed_predictions.changed_predictions_table(frame)),
    }


def _shown(frame: pd.DataFrame, scores: pd.Series, columns: tuple[str, ...] = ("class",)) -> pd.DataFrame:
    """The rows of a chart's data that a figure shows: of many classes, those with the highest scores."""
    if not many_classes.is_many(scores):
        return frame
    return many_classes.of_classes(frame, many_classes.first_classes(scores), columns)


def class_values(found: Summary) -> dict[str, Any]:
    """Values for the template of the report: per-class metrics of the last stage.

    Keys: `figure`; `rows` with class, precision, recall and F1, each followed by its change, support, verdict; `worst`,
    the class with the lowest recall: `name`, `recall`, `verdict`.
    """
    other = None if baseline_changes.is_dense(found) else found.baseline.report
    frame = per_class_metrics.classes_data(found.record, found.final, other)
    worst = found.worst_class()
    verdict = found.paired[found.final].per_class[found.classes.index(worst["name"])].verdict
    return {
        "figure": figure(
            per_class_metrics.classes_chart(_shown(frame, per_class_metrics.changed_classes(frame))),
            "classes",
            per_class_metrics.classes_title(frame),
        ),
        "rows": [_class_row(found, place) for place in range(len(found.reports[found.final]))],
        "worst": {"name": worst["name"], "recall": percent(worst["recall"]), "verdict": verdict.words},
    }


def _class_row(found: Summary, place: int) -> list[Cell]:
    row, per_class = found.reports[found.final][place], found.paired[found.final].per_class
    # The averages after the classes are not tested.
    verdict = per_class[place].verdict if place < len(per_class) else None
    cells: list[Cell] = [row["name"]]
    for measure in MEASURES:
        tested = verdict if measure == "recall" else None
        change = tested.difference if tested else row[f"{measure}_change"]
        cells += [percent(row[measure]), points(change, verdict=tested.kind if tested else "")]
    return [*cells, count(row["support"]), verdict.words if verdict else ""]


def confusion_values(found: Summary, against: str) -> dict[str, Any]:
    """Values for the template of the report: the confusion matrix, and its change against the baseline.

    `against` is the baseline's name in titles. Keys: `figure` and `table` of the matrix, `change_figure` and
    `change_table` of the change; `significant`, rows with cell, images before and after, difference and p of the
    significant changes; `rule`, a text on the test.
    """
    frame = confusion_matrix.confusion_data(report_of(found.record, found.final))
    change = confusion_difference.difference_data(found.paired[found.final].confusion, found.classes)
    cells = _shown(change, confusion_matrix.confused_classes(change, "difference"), ("true", "predicted"))
    chart = confusion_difference.difference_chart(cells, ink=INK)
    chart = chart.properties(description=confusion_difference.difference_alt(change, against))
    corner = "true \\ predicted"
    return {
        "figure": figure(
            confusion_matrix.confusion_chart(
                _shown(frame, confusion_matrix.confused_classes(frame), ("true", "predicted")), ink=INK
            ),
            "confusion",
            confusion_matrix.confusion_title(frame),
        ),
        "table": count_table(corner, confusion_matrix.confusion_table(frame, "count")),
        "change_figure": figure(chart, "difference", confusion_difference.difference_title(change, against)),
        "change_table": count_table(corner, confusion_difference.difference_table(change)),
        "significant": [
            [
                f"{row['true']} predicted as {row['predicted']}",
                row["before"],
                row["after"],
                row["signed"],
                p_words(row["p"]),
            ]
            for row in change[change["is_real"]].sort_values("better").to_dict("records")
        ],
        "rule": confusion_difference.RULE,
    }
