"""Thinning of scatters: the points that are drawn, and those that stand for others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from roboreg_core.charts import tradeoff_scatter
from roboreg_core.charts.thinning import MOST_DRAWN, thinned
from roboreg_core.schedules.schedule import presets
from tests.charts.records import make_record


@pytest.fixture
def scatter() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=5_000), rng.normal(size=5_000)


def test_few_points_are_all_drawn(scatter: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = (each[:MOST_DRAWN] for each in scatter)
    drawn, side = thinned(x, y, np.zeros(MOST_DRAWN))
    assert (drawn.all(), side) == (True, 0)


def test_many_points_are_thinned_and_no_part_of_the_plane_is_emptied(scatter: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = scatter
    keep = np.zeros(len(x), dtype=bool)
    keep[[7, 4_999]] = True
    drawn, side = thinned(x, y, keep, most=300)
    assert drawn[keep].all()
    assert 200 < drawn.sum() <= 302
    cell = np.array([np.ptp(x), np.ptp(y)]) / side
    points = np.stack([x, y], axis=1)
    for left_out in points[~drawn]:
        assert (np.abs(points[drawn] - left_out) <= cell).all(axis=1).any()


@pytest.mark.parametrize("values", [np.zeros(50), np.arange(50.0)])
def test_points_on_a_line_and_equal_ones(values: np.ndarray) -> None:
    drawn, _ = thinned(values, np.zeros(50), np.zeros(50), most=12)
    assert drawn[0]
    assert drawn.sum() <= 12


def _frame(runs: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = tradeoff_scatter.tradeoff_data([make_record(presets()["moderate"], identity="a")])
    many = pd.concat([frame] * runs, ignore_index=True)
    many["run"] = np.repeat([f"run {place}" for place in range(runs)], len(frame))
    return many.assign(
        accuracy=rng.random(len(many)), parameters=rng.random(len(many)), front=rng.random(len(many)) < 0.01
    )


def test_the_front_and_selected_runs_are_always_drawn() -> None:
    frame = _frame(3_000)
    selected = ["run 11", "run 2999"]
    drawn, words = tradeoff_scatter.drawn_runs(frame, selected)
    runs = set(drawn["run"])
    assert {*selected, *frame.loc[frame["front"], "run"]} <= runs
    assert len(runs) < len(selected) + frame["front"].sum() + MOST_DRAWN + 1
    assert len(drawn) == 2 * len(runs), "pruned and fine-tuned"
    assert f"{len(runs):,} of 3,000 runs are drawn" in words


def test_few_runs_are_drawn_as_before() -> None:
    frame = _frame(20)
    drawn, words = tradeoff_scatter.drawn_runs(frame)
    assert drawn.equals(frame)
    assert words == ""
