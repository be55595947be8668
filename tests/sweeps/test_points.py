"""Points: counts, JSON, and the frame that everything is computed from."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from roboreg_core.architecture import Architecture
from roboreg_core.correlation.variables import columns
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import presets
from roboreg_core.sweeps.points import ClassCounts, Point, block_names, frame, from_json, to_json


def seen(right: int = 4) -> ClassCounts:
    return ClassCounts(right=(right,) * 10, images=(5,) * 10)


def point() -> Point:
    schedule = presets()["moderate"]
    return Point(schedule=schedule, kept=schedule.replace(1, 7), validation=seen(), tuned_test=seen(5), seed=3)


def test_counts_of_predictions() -> None:
    labels = torch.arange(10).repeat(3)
    predicted = labels.clone()
    predicted[:5] = 9
    found = ClassCounts.of(predicted, labels, 10)
    assert found.right == (2,) * 5 + (3,) * 5
    assert found.accuracy == pytest.approx(25 / 30)
    assert found.recalls[0] == pytest.approx(2 / 3)


def test_points_survive_json() -> None:
    assert from_json(to_json(point())) == point()


def test_costs_are_of_the_kept_filters_and_unmeasured_values_are_nan() -> None:
    row = frame([point()]).iloc[0]
    assert row["block 1"] == 8
    assert row["parameters"] == cost(point().kept).parameters == point().parameters
    assert row["pruned validation"] == pytest.approx(0.8)
    assert row["tuned test"] == 1.0
    assert row[["pruned test", "tuned validation", "latency"]].isna().all()
    assert list(frame([]).columns) == list(frame([point()]).columns)


@pytest.mark.parametrize("right", [(6,) + (0,) * 9, (0,) * 9])
def test_impossible_counts_are_refused(right: tuple[int, ...]) -> None:
    with pytest.raises(SpecError):
        ClassCounts(right=right, images=(5,) * 10)


def test_points_of_other_architectures_survive_json_and_share_a_table() -> None:
    schedule = presets(Architecture(depth=56, shortcut="B", n_classes=100))["moderate"]
    deep = replace(point(), schedule=schedule, kept=schedule.replace(27, 5))
    assert from_json(to_json(deep)) == deep
    assert "architecture" not in to_json(point())
    table = frame([point(), deep])
    assert list(table.columns[:27]) == list(block_names(schedule.architecture))
    assert table["block 27"].isna().tolist() == [True, False]
    assert table["macs"].tolist() == [point().macs, deep.macs]
    with pytest.raises(SpecError, match=r"of one architecture, got ResNet-20, ResNet-56, option B, 100 classes"):
        columns(table)
    assert columns(frame([deep]), "stages")["i"].tolist() == [2]
