"""Results by group of classes, for data sets whose classes are grouped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from roboreg_core.datasets.dataset import known_dataset
from roboreg_core.errors import DataError
from roboreg_core.evaluation.paired_tests import ConfusionChange, compare

if TYPE_CHECKING:
    from roboreg_core.evaluation.prediction_changes import PredictionChanges
    from roboreg_core.runs.summary import Summary
    from roboreg_core.store.records import Record


def groups_of(record: Record) -> dict[str, str]:
    """Group of each class of a run's data set, `{class: group}`; {} without groups, or if the data set is not known."""
    try:
        dataset = known_dataset(record.spec["training_set"])
    except DataError:
        return {}
    return dict(zip(dataset.classes, dataset.groups, strict=True)) if dataset.groups else {}


def group_names(groups: Mapping[str, str]) -> tuple[str, ...]:
    """Sorted names of the groups in `groups`, a mapping `{class: group}`."""
    return tuple(sorted(set(groups.values())))


def grouped_changes(changes: PredictionChanges, classes: Sequence[str], groups: Mapping[str, str]) -> PredictionChanges:
    """Changes of predictions with counts by group instead of by class; only the right class is correct.

    `classes` are the class names in the order of the labels, `groups` is `{class: group}`.
    """
    numbers = _numbers(classes, groups)
    return replace(changes, labels=numbers[changes.labels], n_classes=len(group_names(groups)))


def grouped_confusion(summary: Summary, stage: str, groups: Mapping[str, str]) -> ConfusionChange:
    """Confusion matrices of groups instead of classes, for the baseline and a stage, with their difference and tests.

    `groups` is `{class: group}`.
    """
    numbers = _numbers(summary.classes, groups)
    classes = (summary.labels, summary.baseline.predictions.classes, summary.predictions[stage].classes)
    labels, before, after = (numbers[each] for each in classes)
    return compare(labels, before, after, len(group_names(groups))).confusion


def _numbers(classes: Sequence[str], groups: Mapping[str, str]) -> np.ndarray:
    """Number of the group of each class, int (classes,)."""
    names = group_names(groups)
    return np.array([names.index(groups[name]) for name in classes])
