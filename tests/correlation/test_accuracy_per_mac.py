"""Accuracy per MAC: exact for linear data, HC3 intervals, refused for collinear MACs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from roboreg_core.architecture import RESNET20
from roboreg_core.correlation.accuracy_per_mac import per_mac
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import block_macs
from roboreg_core.schedules.schedule import Schedule, by_stage
from roboreg_core.sweeps.grid import Grid
from roboreg_core.sweeps.points import Point, frame
from roboreg_core.wording.correlation_findings import accuracy_per_mac_finding
from tests.sweeps.noisy_points import points

WORTH = np.repeat([1.0, 2.0, 3.5], 3)  # points a million MACs


def plane(schedule: Schedule) -> float:
    return float(0.2 + WORTH @ np.array(block_macs(schedule)) / 1e8)


def exact(schedules: list[Schedule] | None = None) -> list[Point]:
    return [
        replace(point, tuned_validation=plane(point.schedule), validation=None, test=None)
        for point in points(schedules)
    ]


def test_a_planes_slopes_are_found_exactly() -> None:
    found = per_mac(frame(exact()))
    assert [slope.name for slope in found.slopes] == ["i", "j", "k"]
    assert [slope.value for slope in found.slopes] == pytest.approx([1.0, 2.0, 3.5])
    assert [slope.high - slope.low for slope in found.slopes] == pytest.approx([0] * 3, abs=1e-9)
    assert found.explained == pytest.approx(1)
    random = Grid(kind="random", values=tuple((1, bound) for bound in RESNET20.bounds), n=30).schedules()
    by_block = per_mac(frame(exact(random)), by="blocks")
    assert [slope.value for slope in by_block.slopes] == pytest.approx(WORTH.tolist())


def test_one_stage_alone_is_scipys_line_with_white_errors() -> None:
    made = points([by_stage((4, 8, count)) for count in range(4, 60, 6)], noise=0.03)
    found = per_mac(frame(made))
    macs = np.array([sum(block_macs(point.schedule)[6:]) for point in made]) / 1e6
    accuracy = 100 * frame(made)["pruned test"].to_numpy()
    line = stats.linregress(macs, accuracy)
    (slope,) = found.slopes
    assert (slope.name, slope.value) == ("k", pytest.approx(line.slope))
    assert found.explained == pytest.approx(line.rvalue**2)
    assert found.notes == ("MACs do not vary, left out: i, j",)
    design = np.column_stack([np.ones_like(macs), macs])
    inverse = np.linalg.inv(design.T @ design)
    pull = np.diag(design @ inverse @ design.T)
    wrong = (accuracy - design @ (inverse @ design.T @ accuracy)) / (1 - pull)
    error = np.sqrt((inverse @ design.T @ np.diag(wrong**2) @ design @ inverse)[1, 1])
    assert slope.high - slope.value == pytest.approx(stats.t.ppf(0.975, len(made) - 2) * error)


def test_the_interval_holds_the_slope_in_about_95_of_100_cases() -> None:
    held = 0
    for seed in range(60):
        found = per_mac(frame(points(accuracy=plane, noise=0.02, seed=seed)))
        held += sum(slope.low <= true <= slope.high for slope, true in zip(found.slopes, WORTH[::3], strict=True))
    assert 0.88 <= held / 180 <= 1


def test_order_of_points_and_seeds_of_a_schedule_change_nothing() -> None:
    made = points()
    again = [replace(point, seed=1) for point in made]
    assert per_mac(frame(made[::-1])) == per_mac(frame(made))
    both = per_mac(frame([*made, *again]))
    assert both.schedules == 27
    assert [slope.high for slope in both.slopes] == pytest.approx([s.high for s in per_mac(frame(made)).slopes])


def test_what_cannot_be_told_apart_is_refused() -> None:
    together = [by_stage((count, 2 * count, 4 * count)) for count in range(2, 16, 2)]
    with pytest.raises(SpecError, match="are collinear here"):
        per_mac(frame(points(together)))
    with pytest.raises(SpecError, match="needs 6 schedules for 3 stages, got 5"):
        per_mac(frame([points()[place] for place in (0, 4, 8, 13, 26)]))
    with pytest.raises(SpecError, match="got none"):
        per_mac(frame([]))
    with pytest.raises(SpecError, match="stages or blocks"):
        per_mac(frame(points()), by="filters")
    lone = [by_stage((4, 8, count)) for count in (8, 16, 24, 32, 40)] + [by_stage((8, 8, 16))]
    with pytest.raises(SpecError, match="more than one schedule"):
        per_mac(frame(points(lone)))


def test_it_is_said_in_words_and_json() -> None:
    found = per_mac(frame(exact()))
    assert accuracy_per_mac_finding(found) == (
        "Accuracy after fine-tuning (validation images) gained per million MACs: "
        "3.50 percentage points (3.50 to 3.50) in stage 3, 2.00 percentage points (2.00 to 2.00) in stage 2 and "
        "1.00 percentage points (1.00 to 1.00) in stage 1; a linear model explains 100 % of the variance"
    )
    reported = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert reported["points_per_million_macs"]["k"]["value"] == pytest.approx(3.5)
