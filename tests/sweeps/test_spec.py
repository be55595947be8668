"""Specification of a sweep: identity, points, refused settings, parts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.architecture import RESNET20
from roboreg_core.errors import RoboRegError, SpecError
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.store.records import Record
from roboreg_core.sweeps.grid import BLOCKS, RANDOM, Grid, of_schedules, source_grid
from roboreg_core.sweeps.points import from_json
from roboreg_core.sweeps.spec import SweepSpec, point_record, setting_of, split_by_prefix
from roboreg_core.sweeps.time_estimate import Pace, estimate_seconds, expected_seconds, slowdown
from tests.sweeps.helpers import point_of

SHA = "ab" * 32
schedules = st.tuples(*(st.integers(1, 3) for _ in RESNET20.bounds)).map(Schedule)


def spec(**changes) -> SweepSpec:
    fields = {"name": "s", "grid": source_grid(), "dense": "dense", "dense_sha256": SHA, "training_set": "bundled"}
    return SweepSpec(**{**fields, **changes})


TUNED = {"preset": "quick", "epochs": 4, "learning_rate": 0.01, "batch_size": 128}


def test_json_gives_an_equal_one() -> None:
    for each in (spec(), spec(seeds=(0, 5), method="l1", recalibrate=True, test=False, **TUNED)):
        assert SweepSpec.from_json(each.to_json()) == each
        assert SweepSpec.from_json(each.to_json()).id == each.id


def test_the_identity_depends_on_the_settings_only() -> None:
    same = {spec().id, spec(name="other").id, spec(dense="copy").id, spec(device="cpu").id}
    assert len(same) == 1
    others = [
        spec(seeds=(1,)),
        spec(method="l1"),
        spec(recalibrate=True),
        spec(calibration=100),
        spec(test=False),
        spec(dense_sha256="cd" * 32),
        spec(grid=of_schedules([presets()["moderate"]])),
        spec(**TUNED),
    ]
    assert len({each.id for each in others} | same) == len(others) + 1


def test_the_order_of_schedules_and_seeds_is_not_part_of_the_identity() -> None:
    pair = [presets()["moderate"], presets()["aggressive"]]
    one = spec(grid=of_schedules(pair), seeds=(5, 0))
    other = spec(grid=of_schedules([*reversed(pair), pair[0]]), seeds=(0, 5))
    assert one == other
    assert one.id == other.id
    assert one.points() == other.points()


def test_points_of_two_sweeps_under_one_setting_are_the_same() -> None:
    one, other = spec(), spec(name="other", grid=of_schedules([presets()["moderate"]]), seeds=(0, 1), test=False)
    assert one.record_id(presets()["moderate"], 0) == other.record_id(presets()["moderate"], 0)
    assert other.record_id(presets()["moderate"], 0) != other.record_id(presets()["moderate"], 1)
    assert (one.size, len(one.points())) == (27, 27)
    assert other.points() == [(presets()["moderate"], 0), (presets()["moderate"], 1)]


def test_a_fine_tuned_point_is_the_equal_run() -> None:
    run = spec(**TUNED).run_spec(presets()["moderate"], 3)
    assert (run.epochs, run.preset, run.seed, run.schedule) == (4, "quick", 3, presets()["moderate"])
    assert spec(**TUNED).record_id(presets()["moderate"], 3) == run.id
    assert setting_of(run) == spec().setting(3)


def test_a_point_comes_back_from_its_record() -> None:
    point = point_of(spec(), presets()["moderate"], seconds=1.5)
    kind, record_id, spec_json, result = point_record(point)
    assert (kind, record_id) == ("point", spec().record_id(presets()["moderate"], 0))
    assert from_json({**{key: each for key, each in spec_json.items() if key != "version"}, **result}) == point


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": ()}, "seeds must be at least one"),
        ({"seeds": (1, 1)}, "distinct"),
        ({"seeds": tuple(range(21))}, "at most 20 seeds"),
        ({"seeds": (-1,)}, "seed must be 0"),
        ({"method": "magic"}, "method must be one of"),
        ({"method": "weights:sparsity=0.5"}, "choose another method"),
        ({**TUNED, "preset": "fast"}, "preset|recipe"),
        ({"preset": "quick"}, "give both, or neither"),
        ({"epochs": 3}, "give both, or neither"),
        ({"calibration": 0}, "calibration images must be"),
        ({"training_set": "some"}, "bundled, full, cifar100 or the id of a data set"),
        ({"name": "  "}, r"name must have 1\.\.80"),
        ({"name": "a\u202eb"}, "control characters"),
        ({"grid": Grid(kind=RANDOM, values=((1, 2),) * 9, n=5000), "seeds": (0, 1, 2)}, "at most 10,000 points"),
        ({"seeds": tuple(range(20)), **TUNED}, "at most 500 fine-tuned points"),
    ],
)
def test_invalid_settings_are_refused(changes, message: str) -> None:
    with pytest.raises(RoboRegError, match=message):
        spec(**changes)


def test_names_are_one_line() -> None:
    assert spec(name="  a \n b ").name == "a b"
    with pytest.raises(SpecError):
        spec(name="x" * 81)


@given(st.lists(schedules, max_size=40), st.integers(1, 15))
def test_parts_hold_every_schedule_once_and_none_is_too_large(some: list[Schedule], parts: int) -> None:
    found = split_by_prefix(some, parts)
    assert sorted((each for part in found for each in part), key=str) == sorted(set(some), key=str)
    assert all(0 < len(part) <= max(1, -(-len(set(some)) // parts)) for part in found)
    assert [each for part in found for each in part] == sorted(set(some), key=lambda each: each.counts)


def test_parts_are_split_where_schedules_branch() -> None:
    assert [len(part) for part in split_by_prefix(source_grid().schedules(), 3)] == [9, 9, 9]
    assert all(len({each.counts[:3] for each in part}) == 1 for part in split_by_prefix(source_grid().schedules(), 3))
    assert len(split_by_prefix(source_grid().schedules(), 12)) == 9, "three that differ in stage 3 alone stay together"


def test_shared_blocks_are_counted_once() -> None:
    whole = estimate_seconds(spec())
    alone = [estimate_seconds(spec(), only=[point]) for point in spec().points()]
    assert whole < sum(alone) / 2
    chain = Grid(kind=BLOCKS, values=((4,),) * 8 + ((1, 2, 3),))
    first, *rest = expected_seconds(chain.schedules(), spec().setting(0), test=True)
    assert all(each < first / 4 for each in rest)


def test_the_slowdown_follows_from_this_machines_points() -> None:
    def kept(recorded: bool) -> list[Record]:
        found = []
        seconds = expected_seconds(source_grid().schedules(), spec().setting(0), test=True)
        for schedule, each in zip(source_grid().schedules(), seconds, strict=True):
            kind, record_id, spec_json, result = point_record(point_of(spec(), schedule, seconds=each / 10))
            found.append(Record(kind=kind, id=record_id, created="", spec=spec_json, result=result, recorded=recorded))
        return found

    assert estimate_seconds(spec(), kept(recorded=True)) == estimate_seconds(spec())
    assert estimate_seconds(spec(), kept(recorded=False)) < estimate_seconds(spec()) / 4
    assert estimate_seconds(replace(spec(), method="l1"), kept(recorded=False)) == estimate_seconds(spec(method="l1"))


def test_the_slowdown_is_independent_of_seeds_and_test_images() -> None:
    setting, found = spec().setting(0), []
    for seed, test in ((0, True), (1, True), (2, False)):
        seconds = expected_seconds(source_grid().schedules(), setting, test=test)
        for schedule, each in zip(source_grid().schedules(), seconds, strict=True):
            point = point_of(spec(seeds=(seed,), test=test), schedule, seed=seed, seconds=3 * each)
            kind, record_id, spec_json, result = point_record(point)
            found.append(Record(kind=kind, id=record_id, created="", spec=spec_json, result=result))
    assert slowdown(setting, found) == pytest.approx(3)


def test_the_time_left_shrinks_with_what_is_done() -> None:
    pace = Pace(source_grid().schedules(), spec().setting(0), test=True, seconds=100.0)
    assert pace.remaining(0) == 100.0
    assert pace.remaining(27) == 0.0
    assert Pace([], spec().setting(0), test=True, seconds=0.0).remaining(0) == 0.0
