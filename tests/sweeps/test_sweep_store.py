"""Points and sweeps read from the store: from their own records, from runs, and from both."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roboreg_core import paths
from roboreg_core.errors import StoreError
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.runs.spec import RunSpec, identity
from roboreg_core.schedules.schedule import presets
from roboreg_core.store import row_mapping
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from roboreg_core.sweeps import control
from roboreg_core.sweeps.spec import SWEEP, sweep_identity
from roboreg_core.sweeps.sweep_store import find_sweep, missing, points, points_of, progress_of, sweeps
from tests.sweeps.helpers import GRID, point_of, put_point, put_run, seen, sweep_of

FIRST, SECOND = GRID.schedules()[:2]
TUNING = {"preset": "quick"}


def test_a_point_comes_back_with_its_record(dense: Checkpoint, store: Store) -> None:
    point = point_of(sweep_of(dense), FIRST, seconds=2.0)
    put_point(store, point)
    (found,) = points(store)
    assert found == replace(point, record=sweep_of(dense).record_id(FIRST, 0))
    assert not found.run


def test_a_run_gives_what_it_measured(dense: Checkpoint, store: Store) -> None:
    spec = sweep_of(dense, **TUNING).run_spec(FIRST, 0)
    put_run(store, spec, tuned=80)
    (found,) = points(store)
    assert (found.record, found.run, found.schedule) == (spec.id, True, FIRST)
    assert (found.validation, found.test, found.tuned_test) == (None, seen(40), seen(80))
    assert (found.tuned_validation, found.latency, found.seconds) == (0.75, 0.25, 2.0)


def test_one_setting_is_one_point_whatever_measured_it(dense: Checkpoint, store: Store) -> None:
    sweep = sweep_of(dense, **TUNING)
    put_point(store, point_of(sweep, FIRST, right=45))
    put_run(store, replace(sweep.run_spec(FIRST, 0), epochs=2), tuned=70, created="2026-01-02")
    put_run(store, sweep.run_spec(FIRST, 0), tuned=80, created="2026-01-03")
    put_run(store, replace(sweep.run_spec(FIRST, 0), epochs=0), created="2026-01-04")
    put_run(store, sweep.run_spec(FIRST, 1), tuned=60)
    first, second = sorted(points(store), key=lambda point: point.seed)
    assert (first.validation, first.tuned_test) == (seen(45), seen(80)), "the newest that is fine-tuned"
    assert first.record == sweep.run_spec(FIRST, 0).id
    assert (second.validation, second.tuned_test) == (None, seen(60))
    assert [point.tuned_test for point in points(store, tuning={"epochs": 2}, seed=0)] == [seen(70)]
    assert [point.seed for point in points(store, tuning={"preset": "good"}, tuned=True)] == []
    assert len(points(store, tuning={"preset": "good"})) == 1, (
        "what was measured after pruning is the same for all presets"
    )


def test_points_are_filtered_by_setting(dense: Checkpoint, store: Store) -> None:
    put_point(store, point_of(sweep_of(dense), FIRST))
    put_point(store, point_of(sweep_of(dense, method="random"), FIRST))
    assert [point.method for point in points(store, method="random")] == ["random"]
    assert points(store, dense_sha256="0" * 64) == []
    assert len(points(store, dense_sha256=dense.sha256, method=None)) == 2
    assert (len(points(store, tuned=True)), len(points(store, tuned=False))) == (0, 2)


def test_records_of_other_versions_and_weight_pruning_are_skipped(dense: Checkpoint, store: Store) -> None:
    run = sweep_of(dense, **TUNING).run_spec(FIRST, 0)
    put_run(store, replace(run, method="weights"), tuned=80)
    old = identity(run.to_json(), 1)
    put_run(store, run, tuned=80)
    record = store.find_record(run.id)
    store.put_record(replace(record, id=old))
    store.delete_record(run.id)
    point = point_of(sweep_of(dense), FIRST)
    put_point(store, point)
    mine = store.find_record(sweep_of(dense).record_id(FIRST, 0))
    store.put_record(replace(mine, id="f" * 16, spec={**mine.spec, "version": 1}))
    assert [each.record for each in points(store)] == [mine.id]


def test_the_shipped_runs_are_points(home) -> None:
    found = points(Store(home, shipped=paths.recorded()), method="refit", tuned=True)
    assert {presets()["moderate"], presets()["quarter"]} <= {point.schedule for point in found}
    assert all(point.run and point.test and point.test.total == 10_000 for point in found)
    moderate = next(point for point in found if point.schedule == presets()["moderate"])
    report = Store(home, shipped=paths.recorded()).find_record(moderate.record).result["stages"]["tuned"]
    assert moderate.tuned_test is not None
    assert moderate.tuned_test.accuracy == pytest.approx(report["accuracy"], abs=1e-12)


def test_a_sweep_has_the_points_that_its_settings_share(dense: Checkpoint, store: Store) -> None:
    spec = sweep_of(dense, seeds=(0, 1))
    put_point(store, point_of(spec, SECOND, seed=1))
    put_point(store, point_of(spec, FIRST, seed=0))
    put_point(store, point_of(spec, FIRST, seed=1, test=None))
    put_point(store, point_of(sweep_of(dense, method="random"), FIRST))
    sweep = control.keep(store, spec)
    assert [(point.schedule, point.seed) for point in points_of(store, sweep)] == [(FIRST, 0), (SECOND, 1)]
    assert (progress_of(store, sweep).done, progress_of(store, sweep).total) == (2, 16)
    assert (FIRST, 1) in missing(store, spec), "it lacks test images"
    lean = control.keep(store, replace(spec, name="lean", test=False))
    assert progress_of(store, lean).done == 3


def test_a_fine_tuned_sweep_is_made_of_its_runs_alone(dense: Checkpoint, store: Store) -> None:
    spec = sweep_of(dense, **TUNING)
    put_point(store, point_of(spec, FIRST, right=45))
    sweep = control.keep(store, spec)
    assert progress_of(store, sweep).done == 0
    put_run(store, replace(spec.run_spec(FIRST, 0), epochs=7), tuned=70)
    assert progress_of(store, sweep).done == 0
    put_run(store, spec.run_spec(FIRST, 0), tuned=80)
    (point,) = points_of(store, sweep)
    assert (point.validation, point.tuned_test) == (seen(45), seen(80))


def test_sweeps_are_found_by_name_or_id(dense: Checkpoint, store: Store) -> None:
    first = control.keep(store, sweep_of(dense, name="First one"))
    control.keep(store, sweep_of(dense, name="second", seeds=(1,)))
    assert [each.name for each in sweeps(store)] == ["second", "First one"]
    assert find_sweep(store, "first ONE") == find_sweep(store, first.id) == find_sweep(store, first.id[:8]) == first
    with pytest.raises(StoreError, match="'second', 'First one'"):
        find_sweep(store, "third")
    with pytest.raises(StoreError, match="no sweep is called"):
        find_sweep(store, "")


def test_a_sweep_that_was_kept_with_its_seeds_in_another_order_is_still_there(dense: Checkpoint, store: Store) -> None:
    spec = sweep_of(dense, seeds=(0, 1))
    written = {**spec.to_json(), "seeds": [1, 0]}
    older = sweep_identity(written)
    assert older != spec.id
    store.put_record(Record(kind=SWEEP, id=older, created="2026-01-01", spec=written, result={}))
    (found,) = sweeps(store)
    assert (found.id, found.spec) == (older, spec)


def test_parsed_records_are_cached_until_they_change(dense: Checkpoint, store: Store, monkeypatch) -> None:
    put_point(store, point_of(sweep_of(dense), FIRST))
    before = points(store)
    read: list[str] = []
    parse = row_mapping.to_record
    monkeypatch.setattr(row_mapping, "to_record", lambda row, *others: (read.append(row["id"]), parse(row, *others))[1])
    assert points(store) == before
    assert read == []
    put_point(store, point_of(sweep_of(dense), FIRST, right=60))
    put_point(store, point_of(sweep_of(dense), SECOND))
    assert [point.validation for point in points(store)] == [seen(60), seen(50)]
    assert len(read) == 2


def test_a_run_of_the_same_setting_is_what_its_point_says(dense: Checkpoint) -> None:
    spec = sweep_of(dense, **TUNING)
    run = RunSpec.from_json(spec.run_spec(FIRST, 0).to_json())
    assert spec.setting(0).point_id(run.schedule) == sweep_of(dense).record_id(FIRST, 0)
