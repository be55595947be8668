"""Forecasts from a store: what is learnt, what is missing, and how right it has been."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roboreg_core import paths
from roboreg_core.analysis.grid import Grid
from roboreg_core.analysis.points import Point
from roboreg_core.analysis.sensitivity import plan
from roboreg_core.explore.forecast import PRUNED, TUNED, Asked, forecast, score, scores
from roboreg_core.explore.spec import point_record
from roboreg_core.runs.spec import KIND, RunSpec
from roboreg_core.schedule import BOUNDS
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from tests.analysis.world import made

BETWEEN = tuple((1, bound) for bound in BOUNDS)
RANDOM = Grid(kind="random", values=BETWEEN, n=60, seed=1).schedules()


@pytest.fixture
def store(home: object) -> Store:
    """Empty but for the recorded runs, six of them, five with the default method."""
    return Store(paths.home(), shipped=paths.recorded())


@pytest.fixture
def asked(store: Store) -> Asked:
    """The recorded runs' setting."""
    specs = (RunSpec.from_json(record.spec) for record in store.list_records(KIND))
    return Asked.of(next(spec for spec in specs if spec.method == "refit"))


def put(store: Store, points: list[Point], asked: Asked) -> None:
    setting = {name: getattr(asked, name) for name in ("dense_sha256", "training_set", "calibration")}
    for point in points:
        kind, identity, spec, result = point_record(replace(point, **setting))
        created = "2026-01-02T03:04:05+00:00"
        store.put_record(Record(kind=kind, id=identity, created=created, spec=spec, result=result))


def sensitivity() -> list[Point]:
    return [made(schedule) for schedule in plan(3).schedules()]


def test_what_is_missing_is_said_until_it_is_there(store: Store, asked: Asked) -> None:
    nothing = forecast(store, replace(asked, method="source"))
    assert (nothing.curves, nothing.predictor) == (None, None)
    assert "measure the schedule dense" in nothing.missing
    put(store, sensitivity(), asked)
    alone = forecast(store, asked)
    assert alone.curves is not None
    assert alone.predictor is None
    assert "20 measured schedules that cut several blocks" in alone.missing
    assert scores(store, asked) == []
    put(store, [made(schedule) for schedule in RANDOM], asked)
    found = forecast(store, asked)
    assert found.predictor is not None
    assert found.missing == ""


def test_a_forecast_is_learnt_once_and_anew_when_there_is_another_point(store: Store, asked: Asked) -> None:
    put(store, [*sensitivity(), *map(made, RANDOM[:30])], asked)
    first = forecast(store, asked)
    assert forecast(store, asked) is first
    put(store, [made(RANDOM[30])], asked)
    assert forecast(store, asked) is not first


def test_every_point_is_scored_without_its_own_figures_and_runs_on_their_stages(store: Store, asked: Asked) -> None:
    put(store, [*sensitivity(), *map(made, RANDOM)], asked)
    rows = scores(store, asked)
    own = [row for row in rows if not row.run]
    assert {row.schedule for row in own} == set(RANDOM)
    assert {(row.stage, row.images) for row in own} == {(PRUNED, "validation")}
    whole = score(own)
    assert whole is not None
    assert whole.n == len(RANDOM)
    assert whole.mean_error < 0.02
    assert whole.held >= 0.85
    runs = [row for row in rows if row.run]
    assert sum(row.stage == PRUNED for row in runs) == sum(row.stage == TUNED for row in runs) == 5
    assert {row.images for row in runs if row.stage == PRUNED} == {"test"}
    for row in runs:
        assert row.low <= row.predicted <= row.high


def test_another_fine_tuning_is_another_question(store: Store, asked: Asked) -> None:
    put(store, [*sensitivity(), *map(made, RANDOM)], asked)
    tuned = forecast(store, asked).predictor
    other = forecast(store, replace(asked, preset="full", epochs=80)).predictor
    assert tuned is not None
    assert other is not None
    assert len(tuned.tuned_runs) == 5
    assert other.tuned_runs == ()
    assert not any(row.stage == TUNED for row in scores(store, replace(asked, preset="full", epochs=80)))


def test_the_score_of_nothing_is_none() -> None:
    assert score([]) is None
