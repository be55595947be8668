"""Predictions from the points of a store, missing points, and scores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roboreg_core import paths
from roboreg_core.prediction.forecast import (
    PRUNED,
    TUNED,
    PredictionSettings,
    forecast,
    score,
    scores,
    settings_with_points,
)
from roboreg_core.prediction.sensitivity import plan
from roboreg_core.store.store import Store
from tests.prediction.synthetic_store import RANDOM, RUNS, SETTINGS, put_points, put_runs

SENSITIVITY = plan(3).schedules()
OTHER_TUNINGS = [
    replace(SETTINGS, preset="full", epochs=80),
    replace(SETTINGS, distil=False),
    replace(SETTINGS, batch_size=64),
]


@pytest.fixture
def store(home: object) -> Store:
    return Store(paths.home())


def test_missing_points_are_named(store: Store) -> None:
    nothing = forecast(store, SETTINGS)
    assert (nothing.curves, nothing.predictor) == (None, None)
    assert "measure the schedule dense" in nothing.missing
    put_points(store, SENSITIVITY)
    alone = forecast(store, SETTINGS)
    assert alone.curves is not None
    assert alone.predictor is None
    assert "20 measured schedules that prune several blocks" in alone.missing
    assert scores(store, SETTINGS) == []
    put_points(store, RANDOM)
    found = forecast(store, SETTINGS)
    assert found.predictor is not None
    assert found.missing == ""
    assert forecast(store, replace(SETTINGS, method="source")).predictor is None


def test_points_of_the_other_training_set_are_a_fallback(store: Store) -> None:
    other = replace(SETTINGS, training_set="full" if SETTINGS.training_set == "bundled" else "bundled")
    assert settings_with_points(store, other) == other
    put_points(store, SENSITIVITY)
    assert settings_with_points(store, other) == settings_with_points(store, SETTINGS) == SETTINGS
    assert settings_with_points(store, replace(other, method="source")) == replace(other, method="source")


def test_a_forecast_is_cached_until_points_change(store: Store) -> None:
    put_points(store, [*SENSITIVITY, *RANDOM[:30]])
    first = forecast(store, SETTINGS)
    assert forecast(store, SETTINGS) is first
    put_points(store, RANDOM[30:31])
    assert forecast(store, SETTINGS) is not first


def test_every_point_is_scored_without_its_own_figures(store: Store) -> None:
    put_points(store, [*SENSITIVITY, *RANDOM])
    rows = scores(store, SETTINGS)
    assert {row.schedule for row in rows} == set(RANDOM)
    assert {(row.stage, row.images, row.run) for row in rows} == {(PRUNED, "validation", False)}
    whole = score(rows)
    assert whole is not None
    assert whole.n == len(RANDOM)
    # The made-up world is far steeper than the real one, and three counts a block are few.
    assert whole.mean_error < 0.03
    assert whole.held >= 0.85


def test_runs_are_scored_on_the_images_that_they_measured(store: Store) -> None:
    put_points(store, [*SENSITIVITY, *RANDOM, RUNS[2]])
    put_runs(store)
    rows = [row for row in scores(store, SETTINGS) if row.run]
    pruned = {row.schedule: row for row in rows if row.stage == PRUNED}
    assert set(pruned) == set(RUNS)
    # A point of its own brings validation images; without, test images are what there is.
    assert {schedule: row.images for schedule, row in pruned.items()} == {
        schedule: "validation" if schedule == RUNS[2] else "test" for schedule in RUNS
    }
    # The hard class makes the dense network a point worse on test images: so much less is expected there.
    assert all(row.low <= row.predicted <= row.high for row in rows)
    assert pruned[RUNS[0]].predicted == pytest.approx(0.92, abs=0.01)
    tuned = [row for row in rows if row.stage == TUNED]
    assert {(row.schedule, row.images) for row in tuned} == set()


def test_fine_tuning_is_scored_without_its_own_run(store: Store) -> None:
    put_points(store, [*SENSITIVITY, *RANDOM])
    put_runs(store, [*RUNS, RANDOM[0]])
    predictor = forecast(store, SETTINGS).predictor
    assert predictor is not None
    assert len(predictor.tuned_runs) == 5
    tuned = [row for row in scores(store, SETTINGS) if row.stage == TUNED]
    assert len(tuned) == 5
    assert {row.images for row in tuned} == {"validation"}


@pytest.mark.parametrize("settings", OTHER_TUNINGS)
def test_other_fine_tuning_settings_have_their_own_runs(store: Store, settings: PredictionSettings) -> None:
    put_points(store, [*SENSITIVITY, *RANDOM])
    put_runs(store, [*RUNS, RANDOM[0]])
    other = forecast(store, settings).predictor
    assert other is not None
    assert other.tuned_runs == ()
    assert not any(row.stage == TUNED for row in scores(store, settings))


def test_the_score_of_nothing_is_none() -> None:
    assert score([]) is None
