"""A sweep in the caller's process: whole, broken off and asked for again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from roboreg_core.errors import SpecError, StoreError
from roboreg_core.jobs.task import LocalContext
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.runs.local import record_writer
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.store import Store
from roboreg_core.sweeps import control, local
from roboreg_core.sweeps.execute import PartSpec, measure
from roboreg_core.sweeps.grid import of_schedules
from roboreg_core.sweeps.local import sweep_here
from roboreg_core.sweeps.sweep_store import points_of, progress_of
from roboreg_core.sweeps.time_estimate import slowdown
from tests.sweeps.helpers import GRID, point_of, put_point, put_run, seen, sweep_of

pytestmark = pytest.mark.usefixtures("small_sets")


def test_it_is_measured_whole_and_only_once(dense: Checkpoint, store: Store) -> None:
    spec = sweep_of(dense, method="random", seeds=(0, 1))
    reported: list[dict[str, Any]] = []
    sweep = sweep_here(spec, dense, store, on_report=reported.append)
    assert progress_of(store, sweep).complete
    assert len(points_of(store, sweep)) == 16
    done = [each["done"] for each in reported]
    assert done == sorted(done)
    assert (done[0], done[-1], reported[-1]["total"], reported[-1]["fraction"]) == (0, 16, 16, 1.0)
    reported.clear()
    assert sweep_here(spec, dense, store, on_report=reported.append) == sweep
    assert reported == [], "nothing was left to measure"


def test_test_images_are_not_lost_to_one_that_measures_without(dense: Checkpoint, store: Store) -> None:
    whole, lean = sweep_of(dense), sweep_of(dense, name="lean", test=False)
    put_point(store, point_of(whole, GRID.schedules()[0], right=45))
    part = PartSpec.of(lean, 0, GRID.schedules()[:1], records=[])
    measure(part.to_json(), LocalContext(inputs={"dense": dense.content}, on_put=record_writer(store)))
    (point,) = points_of(store, control.keep(store, whole))
    assert point.test == seen(44)
    assert point.validation != seen(45), "what is measured again is the newer"


def test_the_dense_network_is_measured_once_whatever_the_method(dense: Checkpoint, store: Store) -> None:
    grid = of_schedules([presets()["dense"]])
    first, other = sweep_of(dense, grid, test=False), sweep_of(dense, grid, "other", method="random", seeds=(0, 1))
    lean, odd = replace(other, test=False), replace(other, name="odd", dense_sha256="0" * 64, test=False)
    put_point(store, point_of(first, presets()["dense"], right=93))
    assert not points_of(store, control.keep(store, other)), "test images are still to be measured"
    found = points_of(store, control.keep(store, replace(lean, name="lean")))
    assert [(point.method, point.seed, point.validation) for point in found] == [
        ("random", 0, seen(93)),
        ("random", 1, seen(93)),
    ]
    assert not points_of(store, control.keep(store, odd)), "of another network nothing is known"
    assert slowdown(lean.setting(0), store.list_records()) == 1.0, "a reused point says nothing of this machine's speed"


def test_broken_off_it_goes_on_with_what_is_missing(dense: Checkpoint, store: Store, monkeypatch) -> None:
    def interrupt(payload: dict[str, Any]) -> None:
        if payload["done"] == 3:
            raise KeyboardInterrupt

    spec = sweep_of(dense)
    with pytest.raises(KeyboardInterrupt):
        sweep_here(spec, dense, store, on_report=interrupt)
    records = {record.id: record for record in store.list_records("point")}
    assert len(records) == 3
    reported: list[dict[str, Any]] = []
    sweep = sweep_here(spec, dense, store, on_report=reported.append)
    assert progress_of(store, sweep).complete
    assert reported[0]["done"] == 3
    assert all(store.get_record(each) == record for each, record in records.items()), "not one was measured again"


def test_with_fine_tuning_each_point_is_a_run(dense: Checkpoint, store: Store, monkeypatch) -> None:
    done: list[str] = []

    def run(spec: Any, inputs: dict[str, bytes], store: Store, *, on_report: Any) -> None:
        on_report({"stage": "tune", "fraction": 0.5})
        put_run(store, spec, tuned=80)
        done.append(spec.id)

    monkeypatch.setattr(local, "run_here", run)
    spec = sweep_of(dense, preset="quick")
    first = spec.run_spec(*spec.points()[0])
    put_run(store, first, tuned=70)
    reported: list[dict[str, Any]] = []
    sweep = sweep_here(spec, dense, store, on_report=reported.append)
    assert progress_of(store, sweep).complete
    assert len(done) == 7
    assert first.id not in done
    assert (reported[0]["done"], reported[0]["fraction"]) == (1, 1.5 / 8)


def test_another_dense_network_and_a_taken_name_are_refused(dense: Checkpoint, store: Store) -> None:
    spec = sweep_of(dense)
    with pytest.raises(SpecError, match="uses the dense network"):
        sweep_here(replace(spec, dense_sha256="0" * 64), dense, store)
    sweep_here(spec, dense, store)
    with pytest.raises(StoreError, match="'SMALL' is taken"):
        sweep_here(replace(spec, name="SMALL", seeds=(3,)), dense, store)
