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
    """Class -> group for the data set of a run; empty without groups, or if the data set does not exist."""
    try:
        dataset = known_dataset(record.spec["training_set"])
    except DataError:
        return {}
    return dict(zip(dataset.classes, dataset.groups, strict=True)) if dataset.groups else {}


def group_names(groups: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the groups, sorted."""
    return tuple(sorted(set(groups.values())))


def grouped_changes(changes: PredictionChanges, classes: Sequence[str], groups: Mapping[str, str]) -> PredictionChanges:
    """The changes of predictions counted by group; a prediction is correct if its class is."""
    numbers = _numbers(classes, groups)
    return replace(changes, labels=numbers[changes.labels], n_classes=len(group_names(groups)))


def grouped_confusion(summary: Summary, stage: str, groups: Mapping[str, str]) -> ConfusionChange:
    """The confusion matrices of the baseline and of a stage by group, with tests."""
    numbers = _numbers(summary.classes, groups)
    classes = (summary.labels, summary.baseline.predictions.classes, summary.predictions[stage].classes)
    labels, before, after = (numbers[each] for each in classes)
    return compare(labels, before, after, len(group_names(groups))).confusion


def _numbers(classes: Sequence[str], groups: Mapping[str, str]) -> np.ndarray:
    """Number of the group of each class, int (classes,)."""
    names = group_names(groups)
    return np.array([names.index(groups[name]) for name in classes])
